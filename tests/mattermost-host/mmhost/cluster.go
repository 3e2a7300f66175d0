package main

// Several mmhosts over one database (-dsn, -cluster): what one node says or changes reaches the others over
// loopback HTTP, before the call that caused it returns. A node that does not answer is no longer one.

import (
	"bytes"
	"encoding/json"
	"log"
	"net/http"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"
)

type clusterNote struct {
	// One of these.
	Event  json.RawMessage `json:"event,omitempty"`
	Kind   string          `json:"kind,omitempty"`
	Plugin string          `json:"plugin,omitempty"`

	ID   string `json:"id,omitempty"`
	Data []byte `json:"data,omitempty"`
}

var nodes = http.Client{Timeout: 5 * time.Second}

// enter makes this node one of the cluster.
func (s *store) enter() error {
	if s.db == nil {
		// A cluster of one.
		return nil
	}
	_, err := s.db.Exec(`insert into Nodes values ($1) on conflict do nothing`, s.node)
	return err
}

// others are the other nodes, or only `target`.
func (s *store) others(target string) []string {
	if s.db == nil {
		return nil
	}
	rows, err := s.db.Query(`select Node from Nodes where Node <> $1 and ($2 = '' or Node = $2)`, s.node, target)
	if err != nil {
		log.Print("nodes: ", err)
		return nil
	}
	defer rows.Close()
	var l []string
	for rows.Next() {
		var n string
		if rows.Scan(&n) == nil {
			l = append(l, n)
		}
	}
	return l
}

func (s *store) tell(target string, n clusterNote) {
	for _, node := range s.others(target) {
		b, _ := json.Marshal(n)
		r, err := nodes.Post("http://"+node+"/host/cluster", "application/json", bytes.NewReader(b))
		if err != nil {
			log.Print("node ", node, " is gone: ", err)
			s.db.Exec(`delete from Nodes where Node=$1`, node)
			continue
		}
		r.Body.Close()
	}
}

func (f *front) clusterRoutes(mux *http.ServeMux, env *plugin.Environment, reply func(http.ResponseWriter, any, error)) {
	f.store.changed = func(kind, id string) { f.store.tell("", clusterNote{Kind: kind, ID: id}) }
	mux.HandleFunc("POST /host/cluster", func(rw http.ResponseWriter, r *http.Request) {
		var n clusterNote
		err := json.NewDecoder(r.Body).Decode(&n)
		switch {
		case err != nil:
		case n.Event != nil:
			var ev *model.WebSocketEvent
			if ev, err = model.WebSocketEventFromJSON(bytes.NewReader(n.Event)); err == nil {
				f.event(ev)
			}
		case n.Plugin != "":
			var h plugin.Hooks
			if h, err = env.HooksForPlugin(n.Plugin); err == nil {
				f.store.did("OnPluginClusterEvent", map[string]any{"plugin": n.Plugin, "id": n.ID})
				h.OnPluginClusterEvent(&plugin.Context{}, model.PluginClusterEvent{Id: n.ID, Data: n.Data})
			}
		default:
			f.store.reload(n.Kind, n.ID)
		}
		reply(rw, map[string]any{}, err)
	})
	mux.HandleFunc("GET /host/effects", func(rw http.ResponseWriter, r *http.Request) {
		l, err := f.store.allEffects()
		reply(rw, l, err)
	})
}

// everywhere sends an event to the people on all nodes. Between nodes a server may lose what is not to be sent
// reliably; this one always does.
func (f *front) everywhere(ev *model.WebSocketEvent) {
	f.event(ev)
	if b := ev.GetBroadcast(); f.store.db == nil || b == nil || !b.ReliableClusterSend {
		return
	}
	b, err := ev.ToJSON()
	if err != nil {
		log.Print("event: ", err)
		return
	}
	f.store.tell("", clusterNote{Event: b})
}

func (a *api) PublishPluginClusterEvent(ev model.PluginClusterEvent, o model.PluginClusterEventSendOptions) error {
	a.f.store.did("PublishPluginClusterEvent", map[string]any{"plugin": a.id, "id": ev.Id})
	a.f.store.tell(o.TargetId, clusterNote{Plugin: a.id, ID: ev.Id, Data: ev.Data})
	return nil
}
