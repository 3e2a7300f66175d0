package main

import (
	"net/http"

	"github.com/mattermost/mattermost/server/public/model"
)

// A file that a plugin uploaded.
type file struct {
	channel string
	data    []byte
}

// As a server does: made at the first question.
func (a *api) GetDirectChannel(one, other string) (*model.Channel, *model.AppError) {
	name := model.GetDMNameFromIds(one, other)
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	a.w.Lock()
	defer a.w.Unlock()
	for _, u := range []string{one, other} {
		if a.w.users[u] == nil {
			return nil, nf("GetDirectChannel")
		}
	}
	for _, c := range a.w.channels {
		if c.Name == name {
			return c, nil
		}
	}
	c := &model.Channel{Id: model.NewId(), Name: name, Type: model.ChannelTypeDirect}
	a.w.channels[c.Id] = c
	a.f.members[c.Id] = map[string]bool{one: true, other: true}
	return c, nil
}

func (a *api) UploadFile(data []byte, channel, name string) (*model.FileInfo, *model.AppError) {
	a.w.Lock()
	defer a.w.Unlock()
	if a.w.channels[channel] == nil {
		return nil, nf("UploadFile")
	}
	id := model.NewId()
	a.w.files[id] = &file{channel, data}
	return &model.FileInfo{Id: id, CreatorId: "nouser", ChannelId: channel, Name: name, Size: int64(len(data))}, nil
}

func (w *world) serveFile(rw http.ResponseWriter, r *http.Request) {
	w.Lock()
	f := w.files[r.PathValue("id")]
	w.Unlock()
	if f == nil {
		http.NotFound(rw, r)
		return
	}
	rw.Write(f.data)
}
