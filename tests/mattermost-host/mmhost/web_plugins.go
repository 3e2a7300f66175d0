package main

// A plugin's life as a server with people at browsers leads it: they are told of each change.

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"
)

// clientManifests are those of active plugins with a part for browsers.
func clientManifests(env *plugin.Environment) []*model.Manifest {
	l := []*model.Manifest{}
	for _, p := range env.Active() {
		if p.Manifest.HasWebapp() {
			l = append(l, p.Manifest.ClientManifest())
		}
	}
	return l
}

func (f *front) tellPlugin(event model.WebsocketEventType, m *model.Manifest) {
	if m == nil || !m.HasWebapp() {
		return
	}
	ev := model.NewWebSocketEvent(event, "", "", "", nil, "")
	ev.Add("manifest", m.ClientManifest())
	f.event(ev)
}

func (f *front) pluginRoutes(mux *http.ServeMux, env *plugin.Environment, dir string, reply func(http.ResponseWriter, any, error)) {
	activate := func(id string) (*model.Manifest, bool, error) {
		m, ok, err := env.Activate(id)
		if err == nil && ok {
			f.store.keeper.keep("enabled", id, true)
			f.tellPlugin(model.WebsocketEventPluginEnabled, m)
		}
		return m, ok, err
	}
	// As a server: what was enabled is active before anybody can ask for it.
	for id, was := range f.store.keeper.enabled {
		if !was {
			continue
		}
		if _, _, err := activate(id); err != nil {
			log.Print("enabled before: ", id, ": ", err)
		}
	}
	// As a server: a plugin that was active is ended, replaced and started again; browsers hear of the new one.
	mux.HandleFunc("POST /host/upload", func(rw http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("plugin")
		if err != nil {
			reply(rw, nil, err)
			return
		}
		tmp, _ := os.MkdirTemp(dir, ".up")
		defer os.RemoveAll(tmp)
		src, err := untar(file, tmp)
		if err != nil {
			reply(rw, nil, err)
			return
		}
		m, _, err := model.FindManifest(src)
		if err != nil {
			reply(rw, nil, err)
			return
		}
		was := env.Deactivate(m.Id)
		env.RemovePlugin(m.Id)
		os.RemoveAll(filepath.Join(dir, m.Id))
		if err = os.Rename(src, filepath.Join(dir, m.Id)); err == nil && was {
			_, _, err = activate(m.Id)
		}
		reply(rw, m, err)
	})
	mux.HandleFunc("POST /host/enable/{id}", func(rw http.ResponseWriter, r *http.Request) {
		t := time.Now()
		m, ok, err := activate(r.PathValue("id"))
		reply(rw, map[string]any{"activated": ok, "manifest": m, "seconds": time.Since(t).Seconds()}, err)
	})
	mux.HandleFunc("POST /host/disable/{id}", func(rw http.ResponseWriter, r *http.Request) {
		id, t := r.PathValue("id"), time.Now()
		m, _ := env.GetManifest(id)
		was := env.Deactivate(id)
		if was {
			f.store.keeper.keep("enabled", id, nil)
			f.tellPlugin(model.WebsocketEventPluginDisabled, m)
		}
		reply(rw, map[string]any{"deactivated": was, "seconds": time.Since(t).Seconds()}, nil)
	})
	// As "Remove" in the System Console: it is disabled, and its files are deleted.
	mux.HandleFunc("POST /host/remove/{id}", func(rw http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		m, _ := env.GetManifest(id)
		if m == nil {
			reply(rw, nil, errors.New("no plugin "+id))
			return
		}
		if env.Deactivate(id) {
			f.store.keeper.keep("enabled", id, nil)
			f.tellPlugin(model.WebsocketEventPluginDisabled, m)
		}
		env.RemovePlugin(id)
		reply(rw, map[string]any{}, os.RemoveAll(filepath.Join(dir, id)))
	})
	// The server's own check, which it makes each 30 s; a dead plugin is started again.
	mux.HandleFunc("POST /host/check/{id}", func(rw http.ResponseWriter, r *http.Request) {
		env.TogglePluginHealthCheckJob(true)
		// Not by its own clock as well: it would meet a plugin that a test is just replacing.
		defer env.TogglePluginHealthCheckJob(false)
		env.GetPluginHealthCheckJob().CheckPlugin(r.PathValue("id"))
		reply(rw, map[string]any{"active": env.IsActive(r.PathValue("id"))}, nil)
	})
}

// tellPost tells of a post as a server does: the post is JSON within JSON.
func (f *front) tellPost(event model.WebsocketEventType, p *model.Post, user string) {
	j, err := json.Marshal(p)
	if err != nil {
		log.Print("post: ", err)
		return
	}
	channel := p.ChannelId
	if user != "" {
		channel = ""
	}
	ev := model.NewWebSocketEvent(event, "", channel, user, nil, "")
	ev.Add("post", string(j))
	f.event(ev)
}
