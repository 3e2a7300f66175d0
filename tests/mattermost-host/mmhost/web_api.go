package main

// The part of /api/v4 that the local platform's page needs beyond front.go's, and the page itself: two
// people at browsers use the plugin as on a server.

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"
)

// As a server's pages have it: nothing inline, nothing foreign, no eval.
const pagePolicy = "frame-ancestors 'self'; script-src 'self'"

type pageAPI struct {
	f   *front
	w   *world
	env *plugin.Environment
}

func sendJSON(rw http.ResponseWriter, code int, v any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(code)
	json.NewEncoder(rw).Encode(v)
}

func (f *front) pageRoutes(mux *http.ServeMux, w *world, env *plugin.Environment, page, webapp string) {
	p := pageAPI{f, w, env}
	// What needs no session.
	mux.HandleFunc("GET /api/v4/system/ping", func(rw http.ResponseWriter, r *http.Request) {
		sendJSON(rw, 200, map[string]string{"status": "OK"})
	})
	mux.HandleFunc("GET /api/v4/config/client", p.config)
	mux.HandleFunc("GET /api/v4/license/client", func(rw http.ResponseWriter, r *http.Request) {
		sendJSON(rw, 200, map[string]string{"IsLicensed": "false"})
	})
	mux.HandleFunc("GET /api/v4/plugins/webapp", func(rw http.ResponseWriter, r *http.Request) {
		sendJSON(rw, 200, clientManifests(env))
	})
	// What does.
	for pattern, answer := range map[string]func(*http.Request, *model.Session) (any, *model.AppError){
		"GET /api/v4/users/me":                            p.me,
		"PUT /api/v4/users/me/patch":                      p.patchMe,
		"GET /api/v4/users/me/preferences":                func(*http.Request, *model.Session) (any, *model.AppError) { return model.Preferences{}, nil },
		"GET /api/v4/users/me/teams":                      p.teams,
		"GET /api/v4/users/me/teams/members":              p.teamMembers,
		"GET /api/v4/users/me/teams/{t}/channels":         p.channels,
		"GET /api/v4/users/me/teams/{t}/channels/members": p.channelMembers,
		"GET /api/v4/users":                               p.users,
		"POST /api/v4/users/ids":                          p.usersByIDs,
		"POST /api/v4/users/status/ids":                   p.statuses,
		"POST /api/v4/channels/members/me/view": func(*http.Request, *model.Session) (any, *model.AppError) {
			return map[string]string{"status": "OK"}, nil
		},
		"GET /api/v4/channels/{c}/posts":                          p.posts,
		"GET /api/v4/posts/{id}/thread":                           p.thread,
		"POST /api/v4/posts":                                      p.post,
		"GET /api/v4/teams/{t}/commands/autocomplete_suggestions": func(*http.Request, *model.Session) (any, *model.AppError) { return []any{}, nil },
	} {
		mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			s := f.signedIn(r, false)
			if s == nil {
				appErr(rw, "api.context.session_expired.app_error", 401)
				return
			}
			v, err := answer(r, s)
			if err != nil {
				appErr(rw, err.Id, err.StatusCode)
				return
			}
			code := 200
			if pattern == "POST /api/v4/posts" {
				code = 201
			}
			sendJSON(rw, code, v)
		})
	}
	mux.HandleFunc("GET /api/v4/users/{id}/image", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "image/svg+xml")
		fmt.Fprintf(rw, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="hsl(%d 50%% 45%%)" d="M0 0h9v9H0z"/></svg>`, 40*int(r.PathValue("id")[0]))
	})
	files := func(prefix, dir string) {
		h := http.StripPrefix(prefix, http.FileServer(http.Dir(dir)))
		mux.HandleFunc("GET "+prefix, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("X-Content-Type-Options", "nosniff")
			rw.Header().Set("Cache-Control", "max-age=31536000, public")
			h.ServeHTTP(rw, r)
		})
	}
	files("/static/plugins/", webapp)
	if page == "" {
		return
	}
	files("/static/", filepath.Join(page, "static"))
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(r.URL.Path[1:], "/")
		if r.Method != http.MethodGet || slices.Contains([]string{"api", "host"}, first) {
			appErr(rw, "api.context.404.app_error", 404)
			return
		}
		if name := filepath.Join(page, first); first != "" && filepath.Ext(first) != "" {
			http.ServeFile(rw, r, name)
			return
		}
		b, err := os.ReadFile(filepath.Join(page, "index.html"))
		if err != nil {
			http.Error(rw, err.Error(), 503)
			return
		}
		h := rw.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Frame-Options", "SAMEORIGIN")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		rw.Write(b)
	})
}

func (p pageAPI) config(rw http.ResponseWriter, r *http.Request) {
	p.w.Lock()
	site := *p.w.cfg.ServiceSettings.SiteURL
	p.w.Unlock()
	sendJSON(rw, 200, map[string]string{
		"Version": model.CurrentVersion, "BuildNumber": "mmhost", "SiteName": "mmhost", "SiteURL": site, "WebsocketURL": "",
		"PluginsEnabled": "true", "DefaultClientLocale": "en", "EnableOpenServer": "true", "EnableUserCreation": "true",
		"EnableSignInWithUsername": "true", "TeammateNameDisplay": "full_name", "MaxPostSize": "16383", "CollapsedThreads": "disabled",
	})
}

func (p pageAPI) me(_ *http.Request, s *model.Session) (any, *model.AppError) {
	p.w.Lock()
	defer p.w.Unlock()
	if u := p.w.users[s.UserId]; u != nil {
		return u, nil
	}
	return nil, nf("me")
}

func (p pageAPI) patchMe(r *http.Request, s *model.Session) (any, *model.AppError) {
	var patch model.UserPatch
	json.NewDecoder(r.Body).Decode(&patch)
	p.w.Lock()
	defer p.w.Unlock()
	u := p.w.users[s.UserId]
	if u == nil {
		return nil, nf("patchMe")
	}
	u = u.DeepCopy()
	u.Patch(&patch)
	p.w.users[u.Id] = u
	return u, nil
}

func (p pageAPI) teams(*http.Request, *model.Session) (any, *model.AppError) {
	p.w.Lock()
	defer p.w.Unlock()
	return slices.Collect(maps.Values(p.w.teams)), nil
}

func (p pageAPI) teamMembers(_ *http.Request, s *model.Session) (any, *model.AppError) {
	p.w.Lock()
	defer p.w.Unlock()
	l := []*model.TeamMember{}
	for id := range p.w.teams {
		l = append(l, &model.TeamMember{TeamId: id, UserId: s.UserId, Roles: "team_user"})
	}
	return l, nil
}

// own are the user's channels of a team, with those of no team.
func (p pageAPI) own(team, user string) []*model.Channel {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.w.Lock()
	defer p.w.Unlock()
	l := []*model.Channel{}
	for id, c := range p.w.channels {
		if (c.TeamId == team || c.TeamId == "") && p.f.members[id][user] && c.DeleteAt == 0 {
			l = append(l, c)
		}
	}
	return l
}

func (p pageAPI) channels(r *http.Request, s *model.Session) (any, *model.AppError) {
	return p.own(r.PathValue("t"), s.UserId), nil
}

func (p pageAPI) channelMembers(r *http.Request, s *model.Session) (any, *model.AppError) {
	l := []*model.ChannelMember{}
	for _, c := range p.own(r.PathValue("t"), s.UserId) {
		l = append(l, &model.ChannelMember{ChannelId: c.Id, UserId: s.UserId, Roles: "channel_user", SchemeUser: true})
	}
	return l, nil
}

// pick are the users with these ids.
func (p pageAPI) pick(ids []string) []*model.User {
	p.w.Lock()
	defer p.w.Unlock()
	l := []*model.User{}
	for _, id := range ids {
		if u := p.w.users[id]; u != nil {
			l = append(l, u)
		}
	}
	return l
}

func (p pageAPI) users(r *http.Request, _ *model.Session) (any, *model.AppError) {
	p.f.mu.Lock()
	ids := slices.Collect(maps.Keys(p.f.members[r.URL.Query().Get("in_channel")]))
	p.f.mu.Unlock()
	return p.pick(ids), nil
}

func (p pageAPI) usersByIDs(r *http.Request, _ *model.Session) (any, *model.AppError) {
	var ids []string
	json.NewDecoder(r.Body).Decode(&ids)
	return p.pick(ids), nil
}

func (p pageAPI) statuses(r *http.Request, _ *model.Session) (any, *model.AppError) {
	var ids []string
	json.NewDecoder(r.Body).Decode(&ids)
	l := []*model.Status{}
	for _, u := range p.pick(ids) {
		l = append(l, &model.Status{UserId: u.Id, Status: model.StatusOnline})
	}
	return l, nil
}

// list are posts as a server lists them, the newest first.
func (p pageAPI) list(wanted func(*model.Post) bool) *model.PostList {
	p.w.Lock()
	defer p.w.Unlock()
	l := model.NewPostList()
	for _, post := range p.w.posts {
		if post.DeleteAt == 0 && wanted(post) {
			l.AddPost(post)
			l.AddOrder(post.Id)
		}
	}
	l.SortByCreateAt()
	return l
}

func (p pageAPI) posts(r *http.Request, s *model.Session) (any, *model.AppError) {
	c := r.PathValue("c")
	p.f.mu.Lock()
	member := p.f.members[c][s.UserId]
	p.f.mu.Unlock()
	if !member {
		return nil, model.NewAppError("posts", "api.context.permissions.app_error", nil, "", http.StatusForbidden)
	}
	return p.list(func(post *model.Post) bool { return post.ChannelId == c }), nil
}

func (p pageAPI) thread(r *http.Request, _ *model.Session) (any, *model.AppError) {
	id := r.PathValue("id")
	return p.list(func(post *model.Post) bool { return post.Id == id || post.RootId == id }), nil
}

func (p pageAPI) post(r *http.Request, s *model.Session) (any, *model.AppError) {
	var post model.Post
	if err := json.NewDecoder(r.Body).Decode(&post); err != nil {
		return nil, model.NewAppError("post", "api.context.invalid_body_param.app_error", nil, err.Error(), http.StatusBadRequest)
	}
	post.UserId = s.UserId
	return (&api{w: p.w, f: p.f}).CreatePost(&post)
}

// showAnswer shows a command's answer to who gave the command.
func (f *front) showAnswer(a *model.CommandArgs, res *model.CommandResponse) {
	if res == nil || res.Text == "" || res.ResponseType == model.CommandResponseTypeInChannel {
		return
	}
	now := model.GetMillis()
	post := &model.Post{Id: model.NewId(), UserId: a.UserId, ChannelId: a.ChannelId, RootId: a.RootId, Message: res.Text, Type: model.PostTypeEphemeral, CreateAt: now, UpdateAt: now}
	f.tellPost(model.WebsocketEventEphemeralMessage, post, a.UserId)
}
