package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/vmihailenco/msgpack/v5"
)

// A frame up, in the encodings of a Go struct: integers take nine bytes in msgpack.
type request struct {
	Seq    int64          `json:"seq" msgpack:"seq"`
	Action string         `json:"action" msgpack:"action"`
	Data   map[string]any `json:"data" msgpack:"data"`
}

// A frame down. The Go client takes nothing else: a frame without `event` or `broadcast` ends it.
type event struct {
	Event     string         `json:"event"`
	Data      map[string]any `json:"data"`
	Broadcast *struct {
		ChannelID string `json:"channel_id"`
	} `json:"broadcast"`
}

// Signs in; the answer's header is the bearer token.
func logIn(site, user, password string) (string, error) {
	body, _ := json.Marshal(map[string]string{"login_id": user, "password": password})
	answer, err := http.Post(site+"/api/v4/users/login", "application/json", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	token := answer.Header.Get("Token")
	if answer.StatusCode != http.StatusOK || token == "" {
		return "", fmt.Errorf("login: %s", answer.Status)
	}
	return token, nil
}

// Asks the plugin.
func get(site, plugin, token, path string, into any) error {
	ask, err := http.NewRequest(http.MethodGet, site+"/plugins/"+plugin+path, nil)
	if err != nil {
		return err
	}
	ask.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// The configuration, as the Go client reads it before it connects: these three must be booleans.
func readConfig(site, plugin, token string) (map[string]bool, error) {
	var config map[string]any
	if err := get(site, plugin, token, "/config", &config); err != nil {
		return nil, err
	}
	read := map[string]bool{}
	for _, key := range []string{"EnableSimulcast", "EnableAV1", "EnableDCSignaling"} {
		value, isBool := config[key].(bool)
		if !isBool {
			return nil, fmt.Errorf("config: %s is %v", key, config[key])
		}
		read[key] = value
	}
	return read, nil
}

type socket struct {
	connection   *websocket.Conn
	connectionID string
	prefix       string
	seq          int64
	writing      sync.Mutex
	events       chan event
	lost         chan error
}

// Opens the platform's socket with the token and no query, as the Go client does: each time a new one.
func dial(site, plugin, token string) (*socket, error) {
	address := "ws" + strings.TrimPrefix(site, "http") + "/api/v4/websocket"
	header := http.Header{"Authorization": {"Bearer " + token}}
	connection, _, err := websocket.DefaultDialer.Dial(address, header)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	// Larger frames are refused by the Go client.
	connection.SetReadLimit(1 << 20)
	s := &socket{
		connection: connection,
		prefix:     "custom_" + plugin + "_",
		events:     make(chan event, 256),
		lost:       make(chan error, 1),
	}
	first, err := s.read()
	if err != nil {
		return nil, err
	}
	if first.Event != "hello" {
		return nil, fmt.Errorf("the first event is %q", first.Event)
	}
	id, _ := first.Data["connection_id"].(string)
	if id == "" {
		return nil, errors.New("hello without connection_id")
	}
	s.connectionID = id
	go s.readAll()
	return s, nil
}

func (s *socket) read() (event, error) {
	kind, text, err := s.connection.ReadMessage()
	if err != nil {
		return event{}, err
	}
	var e event
	if kind != websocket.TextMessage {
		return e, errors.New("a binary frame from the server")
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("frame: %w", err)
	}
	if e.Event == "" || e.Broadcast == nil {
		return e, fmt.Errorf("no event: %s", text)
	}
	return e, nil
}

func (s *socket) readAll() {
	for {
		e, err := s.read()
		if err != nil {
			s.lost <- err
			return
		}
		if name, ours := strings.CutPrefix(e.Event, s.prefix); ours {
			e.Event = name
			s.events <- e
		}
	}
}

// Sends an action of the plugin, as text or as a binary msgpack frame.
func (s *socket) send(action string, data map[string]any, binary bool) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.seq++
	frame := request{Seq: s.seq, Action: s.prefix + action, Data: data}
	kind, encode := websocket.TextMessage, json.Marshal
	if binary {
		kind, encode = websocket.BinaryMessage, msgpack.Marshal
	}
	bytes, err := encode(frame)
	if err != nil {
		return err
	}
	// The server's limit as the mobile client knows it.
	if len(bytes) > 8192 {
		return fmt.Errorf("%s: a frame of %d bytes", action, len(bytes))
	}
	_ = s.connection.SetWriteDeadline(time.Now().Add(5 * time.Second))
	return s.connection.WriteMessage(kind, bytes)
}

func (s *socket) close() {
	_ = s.connection.Close()
}
