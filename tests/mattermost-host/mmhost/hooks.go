package main

// Control routes that make the plugin host call hooks which a server calls by itself.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"
)

// hookBody is what POST /host/hook/{hook} takes; each hook uses its part.
type hookBody struct {
	Plugin   string                 `json:"plugin"`
	Settings map[string]any         `json:"settings"`
	User     string                 `json:"user"`
	Channel  string                 `json:"channel"`
	PostType string                 `json:"post_type"`
	Push     model.PushNotification `json:"push"`
	// Fields of a push notification that have no JSON name.
	PushPostType    string `json:"push_post_type"`
	PushChannelType string `json:"push_channel_type"`
}

func (w *world) runHook(hook string, b hookBody) (any, error) {
	h, err := w.env.HooksForPlugin(b.Plugin)
	if err != nil {
		return nil, err
	}
	c := &plugin.Context{RequestId: model.NewId()}
	member := &model.ChannelMember{ChannelId: b.Channel, UserId: b.User}
	switch hook {
	case "ConfigurationWillBeSaved":
		cfg := w.cfg.Clone()
		cfg.PluginSettings.Plugins = map[string]map[string]any{b.Plugin: b.Settings}
		_, err := h.ConfigurationWillBeSaved(cfg)
		return map[string]any{"ok": err == nil}, err
	case "OnConfigurationChange":
		w.Lock()
		w.plugcfg[b.Plugin] = b.Settings
		w.Unlock()
		return map[string]any{}, h.OnConfigurationChange()
	case "UserHasJoinedChannel":
		h.UserHasJoinedChannel(c, member, nil)
	case "UserHasLeftChannel":
		h.UserHasLeftChannel(c, member, nil)
	case "UserHasBeenDeactivated":
		h.UserHasBeenDeactivated(c, &model.User{Id: b.User, DeleteAt: 1})
	case "MessageHasBeenPosted":
		if ch := w.channels[b.Channel]; b.PostType == model.PostTypeChannelDeleted && ch != nil {
			// A server archives the channel after this post.
			time.AfterFunc(300*time.Millisecond, func() {
				w.Lock()
				defer w.Unlock()
				ch.DeleteAt = model.GetMillis()
			})
		}
		h.MessageHasBeenPosted(c, &model.Post{Id: model.NewId(), UserId: b.User, ChannelId: b.Channel, Type: b.PostType})
	case "NotificationWillBePushed":
		b.Push.PostType, b.Push.ChannelType = b.PushPostType, model.ChannelType(b.PushChannelType)
		n, reason := h.NotificationWillBePushed(&b.Push, b.User)
		return map[string]any{"notification": n, "reason": reason}, nil
	case "GenerateSupportData":
		files, err := h.GenerateSupportData(c)
		var l []map[string]string
		for _, f := range files {
			l = append(l, map[string]string{"name": f.Filename, "body": string(f.Body)})
		}
		return l, err
	default:
		return nil, fmt.Errorf("mmhost calls no hook %q", hook)
	}
	return map[string]any{}, nil
}

func (w *world) hookRoutes(mux *http.ServeMux, reply func(http.ResponseWriter, any, error)) {
	mux.HandleFunc("POST /host/hook/{hook}", func(rw http.ResponseWriter, r *http.Request) {
		var b hookBody
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			reply(rw, nil, err)
			return
		}
		v, err := w.runHook(r.PathValue("hook"), b)
		reply(rw, v, err)
	})
}
