package main

// The event WebSocket: sign-in by header, cookie or challenge, replies to a server's own actions, and a way
// to cut it.

import (
	"encoding/json"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"
)

// A server closes a socket that does not sign in within this.
const challengeWait = 5 * time.Second

// No new sockets are taken until then, in milliseconds.
var deafUntil atomic.Int64

func readRequest(ws *websocket.Conn) (*model.WebSocketRequest, bool) {
	for {
		t, b, err := ws.ReadMessage()
		if err != nil {
			return nil, false
		}
		var q model.WebSocketRequest
		if t == websocket.BinaryMessage {
			err = msgpack.Unmarshal(b, &q)
		} else {
			err = json.Unmarshal(b, &q)
		}
		if err == nil {
			return &q, true
		}
		log.Print("ws request: ", err)
	}
}

// reply to an action; plugins' actions have none.
func wsReply(q *model.WebSocketRequest) []byte {
	var answer *model.WebSocketResponse
	switch q.Action {
	case "ping":
		answer = model.NewWebSocketResponse(model.StatusOk, q.Seq, map[string]any{"text": "pong", "version": model.CurrentVersion, "server_time": model.GetMillis(), "node_id": ""})
	case string(model.WebsocketAuthenticationChallenge), "user_typing", "user_update_active_status", "presence", "posted_notify_ack":
		answer = model.NewWebSocketResponse(model.StatusOk, q.Seq, nil)
	default:
		if strings.HasPrefix(q.Action, "custom_") {
			return nil
		}
		answer = model.NewWebSocketError(q.Seq, model.NewAppError("ws", "api.web_socket_router.bad_action.app_error", nil, "", http.StatusInternalServerError))
	}
	b, err := answer.ToJSON()
	if err != nil {
		log.Print("ws reply: ", err)
	}
	return b
}

// challenged is the session that a socket without header and cookie signs in to.
func (f *front) challenged(ws *websocket.Conn) *model.Session {
	ws.SetReadDeadline(time.Now().Add(challengeWait))
	defer ws.SetReadDeadline(time.Time{})
	q, ok := readRequest(ws)
	if !ok || q.Action != string(model.WebsocketAuthenticationChallenge) {
		return nil
	}
	token, _ := q.Data["token"].(string)
	f.mu.Lock()
	s := f.tok[token]
	f.mu.Unlock()
	if s != nil {
		ws.WriteMessage(websocket.TextMessage, wsReply(q))
	}
	return s
}

func (f *front) socket(env *plugin.Environment) http.HandlerFunc {
	each := func(fn func(plugin.Hooks), hook int) {
		env.RunMultiPluginHook(func(h plugin.Hooks, _ *model.Manifest) bool { fn(h); return true }, hook)
	}
	return func(rw http.ResponseWriter, r *http.Request) {
		if model.GetMillis() < deafUntil.Load() {
			http.Error(rw, "cut", http.StatusServiceUnavailable)
			return
		}
		// Checks that a browser's page is one of ours.
		ws, err := (&websocket.Upgrader{}).Upgrade(rw, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		s := f.session(r)
		if s == nil {
			if s = f.challenged(ws); s == nil {
				return
			}
		}
		c := &conn{id: model.NewId(), user: s.UserId, out: make(chan []byte, 4096), gone: make(chan struct{})}
		hello := model.NewWebSocketEvent(model.WebsocketEventHello, "", "", s.UserId, nil, "")
		hello.Add("server_version", model.CurrentVersion)
		hello.Add("connection_id", c.id)
		j, _ := hello.ToJSON()
		c.out <- j
		go func() {
			defer ws.Close()
			for {
				select {
				case b := <-c.out:
					if ws.WriteMessage(websocket.TextMessage, b) != nil {
						c.close()
						return
					}
				case <-c.gone:
					return
				}
			}
		}()
		f.mu.Lock()
		f.conns[c] = true
		f.mu.Unlock()
		each(func(h plugin.Hooks) { h.OnWebSocketConnect(c.id, c.user) }, plugin.OnWebSocketConnectID)
		for {
			q, ok := readRequest(ws)
			if !ok {
				break
			}
			q.Session = *s
			each(func(h plugin.Hooks) { h.WebSocketMessageHasBeenPosted(c.id, c.user, q) }, plugin.WebSocketMessageHasBeenPostedID)
			if b := wsReply(q); b != nil {
				select {
				case c.out <- b:
				default:
					c.close()
				}
			}
		}
		c.close()
		f.mu.Lock()
		delete(f.conns, c)
		f.mu.Unlock()
		each(func(h plugin.Hooks) { h.OnWebSocketDisconnect(c.id, c.user) }, plugin.OnWebSocketDisconnectID)
	}
}

// cut closes all sockets, and takes no new ones for a while.
func (f *front) cut(rw http.ResponseWriter, r *http.Request) {
	away, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	deafUntil.Store(model.GetMillis() + away.Milliseconds())
	f.mu.Lock()
	for c := range f.conns {
		c.close()
	}
	f.mu.Unlock()
	rw.WriteHeader(http.StatusNoContent)
}
