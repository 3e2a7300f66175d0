package main

// Notifications for phones, as a server decides on them: the plugins are asked, and what would leave is noted.

import (
	"encoding/json"
	"net/http"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"
)

// push asks the plugins and notes what would go to the user's phones.
func (a *api) push(by string, n *model.PushNotification, user string) {
	reason := ""
	a.w.env.RunMultiPluginHook(func(h plugin.Hooks, _ *model.Manifest) bool {
		var m *model.PushNotification
		if m, reason = h.NotificationWillBePushed(n.DeepCopy(), user); reason == "" && m != nil {
			n = m
		}
		return reason == ""
	}, plugin.NotificationWillBePushedID)
	if reason != "" {
		a.f.store.did("PushRefused", map[string]any{"by": by, "user": user, "reason": reason})
		return
	}
	a.f.store.did("Push", map[string]any{"by": by, "user": user, "channel_type": n.ChannelType, "notification": n})
}

// SendPushNotification goes to a user's phones whatever they think of pushes: only the plugins are asked.
func (a *api) SendPushNotification(n *model.PushNotification, user string) *model.AppError {
	a.push("plugin", n, user)
	return nil
}

// pushPost sends what a server sends of its own for a post in a direct or group message.
func (a *api) pushPost(p *model.Post) {
	a.w.Lock()
	c := a.w.channels[p.ChannelId]
	enabled := *a.w.cfg.EmailSettings.SendPushNotifications
	a.w.Unlock()
	if !enabled || c == nil || c.Type != model.ChannelTypeDirect && c.Type != model.ChannelTypeGroup {
		return
	}
	users, _ := a.GetUsersInChannel(c.Id, "username", 0, 100)
	for _, u := range users {
		status, _ := a.GetUserStatus(u.Id)
		if u.Id == p.UserId || u.NotifyProps[model.PushNotifyProp] == model.UserNotifyNone || status.Status == model.StatusDnd {
			continue
		}
		n := &model.PushNotification{Version: model.PushMessageV2, Type: model.PushTypeMessage, PostId: p.Id, RootId: p.RootId, ChannelId: c.Id, SenderId: p.UserId, Message: p.Message, PostType: p.Type, ChannelType: c.Type}
		a.push("server", n, u.Id)
	}
}

func (a *api) GetUserStatus(id string) (*model.Status, *model.AppError) {
	a.w.Lock()
	defer a.w.Unlock()
	if a.w.users[id] == nil {
		return nil, nf("GetUserStatus")
	}
	if s := a.w.statuses[id]; s != nil {
		return s, nil
	}
	return &model.Status{UserId: id, Status: model.StatusOffline}, nil
}

func (a *api) DeletePost(id string) *model.AppError {
	p, err := a.GetPost(id)
	if err != nil {
		return err
	}
	p.DeleteAt = model.GetMillis()
	a.w.Lock()
	a.w.posts[id] = p
	a.w.Unlock()
	a.savePost(p)
	a.f.store.did("DeletePost", p)
	return nil
}

// Control routes of tests: what people choose by pages that are not here.
func (f *front) peopleRoutes(mux *http.ServeMux, w *world, reply func(http.ResponseWriter, any, error)) {
	body := func(rw http.ResponseWriter, r *http.Request, into any) bool {
		err := json.NewDecoder(r.Body).Decode(into)
		if err != nil {
			reply(rw, nil, err)
		}
		return err == nil
	}
	// Changes parts of a user.
	mux.HandleFunc("POST /host/users/{u}", func(rw http.ResponseWriter, r *http.Request) {
		w.Lock()
		var u model.User
		if old := w.users[r.PathValue("u")]; old != nil {
			u = *old
		}
		w.Unlock()
		if body(rw, r, &u) {
			f.addUser(w, &u, "")
			reply(rw, &u, nil)
		}
	})
	mux.HandleFunc("POST /host/users/{u}/status", func(rw http.ResponseWriter, r *http.Request) {
		s := &model.Status{}
		if !body(rw, r, s) {
			return
		}
		s.UserId, s.Manual = r.PathValue("u"), true
		w.Lock()
		w.statuses[s.UserId] = s
		w.Unlock()
		f.store.put("status", s.UserId, s)
		reply(rw, s, nil)
	})
	// A channel of any type with these members.
	mux.HandleFunc("POST /host/channels", func(rw http.ResponseWriter, r *http.Request) {
		var b struct {
			Channel model.Channel `json:"channel"`
			Members []string      `json:"members"`
		}
		if !body(rw, r, &b) {
			return
		}
		c := &b.Channel
		c.Id = model.NewId()
		if c.Type == model.ChannelTypeDirect && len(b.Members) == 2 {
			c.Name = model.GetDMNameFromIds(b.Members[0], b.Members[1])
		}
		f.addChannel(w, c)
		for _, u := range b.Members {
			f.setMember(c.Id, u, true)
		}
		reply(rw, c, nil)
	})
	// Changes parts of the server's configuration.
	mux.HandleFunc("POST /host/config", func(rw http.ResponseWriter, r *http.Request) {
		w.Lock()
		c := w.cfg.Clone()
		w.Unlock()
		if body(rw, r, c) {
			w.Lock()
			w.cfg = c
			w.Unlock()
			reply(rw, map[string]any{}, nil)
		}
	})
}
