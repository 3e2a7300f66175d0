package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

// Files: their bytes are in a folder, what is known of them is kept like posts are.

// The least that a server appends to.
const firstPartMin = 5 << 20

type fileStore struct {
	dir      string
	infos    map[string]*model.FileInfo
	sessions map[string]*model.UploadSession
	// Sessions that a call is at.
	busy map[string]bool
	// Set by tests, see switchUploads.
	refused      bool
	stallAfter   int64
	stallAppends bool
	stalled      int
	released     chan struct{}
}

func newFileStore(dir string) fileStore {
	return fileStore{dir: dir, infos: map[string]*model.FileInfo{}, sessions: map[string]*model.UploadSession{}, busy: map[string]bool{}, released: make(chan struct{})}
}

// shareFiles says how what is known of files gets into this node's memory.
func (w *world) shareFiles(f *front) {
	f.store.kinds["file"] = func(id string, b []byte) error {
		var info model.FileInfo
		if err := json.Unmarshal(b, &info); err != nil {
			return err
		}
		w.Lock()
		defer w.Unlock()
		// The path is not part of the JSON that clients get.
		info.Path = filePath(&info)
		w.files.infos[id] = &info
		return nil
	}
	f.store.kinds["upload"] = func(id string, b []byte) error {
		w.Lock()
		defer w.Unlock()
		if b == nil {
			delete(w.files.sessions, id)
			return nil
		}
		var us model.UploadSession
		if err := json.Unmarshal(b, &us); err != nil {
			return err
		}
		us.Path = uploadPath(&us)
		w.files.sessions[id] = &us
		return nil
	}
}

func uploadPath(us *model.UploadSession) string {
	return "channels/" + us.ChannelId + "/" + us.Id + "/" + filepath.Base(us.Filename)
}

func filePath(info *model.FileInfo) string {
	return "channels/" + info.ChannelId + "/" + info.Id + "/" + info.Name
}

func badUpload(id string, code int) *model.AppError {
	return model.NewAppError("upload", "mmhost.upload."+id, nil, "", code)
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
	known := a.w.channels[channel] != nil
	a.w.Unlock()
	if !known {
		return nil, nf("UploadFile")
	}
	info := a.newInfo(&model.UploadSession{UserId: "nouser", ChannelId: channel, Filename: name, FileSize: int64(len(data))})
	path := filepath.Join(a.w.files.dir, info.Path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		return nil, badUpload("write", http.StatusInternalServerError)
	}
	a.keepFile(info)
	return info, nil
}

func (a *api) newInfo(us *model.UploadSession) *model.FileInfo {
	id := us.ReqFileId
	if id == "" {
		id = model.NewId()
	}
	name := filepath.Base(us.Filename)
	ext := strings.ToLower(filepath.Ext(name))
	now := model.GetMillis()
	info := &model.FileInfo{Id: id, CreatorId: us.UserId, ChannelId: us.ChannelId, CreateAt: now, UpdateAt: now, Name: name, Extension: strings.TrimPrefix(ext, "."), Size: us.FileSize, MimeType: mimeType(ext)}
	info.Path = filePath(info)
	return info
}

func mimeType(ext string) string {
	// Those that matter, whatever this machine's table says.
	if t := map[string]string{".webm": "video/webm", ".vtt": "text/vtt"}[ext]; t != "" {
		return t
	}
	return mime.TypeByExtension(ext)
}

func (a *api) keepFile(info *model.FileInfo) {
	a.w.Lock()
	a.w.files.infos[info.Id] = info
	a.w.Unlock()
	a.f.store.put("file", info.Id, info)
}

func (a *api) GetFileInfo(id string) (*model.FileInfo, *model.AppError) {
	a.w.Lock()
	defer a.w.Unlock()
	if info := a.w.files.infos[id]; info != nil {
		c := *info
		return &c, nil
	}
	return nil, nf("GetFileInfo")
}

func (a *api) CreateUploadSession(us *model.UploadSession) (*model.UploadSession, error) {
	a.w.Lock()
	channel, refused := a.w.channels[us.ChannelId], a.w.files.refused
	a.w.Unlock()
	if refused {
		return nil, badUpload("refused", http.StatusInternalServerError)
	}
	c := *us
	c.FileOffset, c.CreateAt = 0, model.GetMillis()
	c.Path = uploadPath(&c)
	if err := c.IsValid(); err != nil {
		return nil, err
	}
	if channel == nil || channel.DeleteAt != 0 {
		return nil, badUpload("channel", http.StatusBadRequest)
	}
	a.keepSession(&c)
	return &c, nil
}

func (a *api) keepSession(us *model.UploadSession) {
	c := *us
	a.w.Lock()
	a.w.files.sessions[c.Id] = &c
	a.w.Unlock()
	a.f.store.put("upload", c.Id, &c)
}

func (a *api) GetUploadSession(id string) (*model.UploadSession, error) {
	a.w.Lock()
	defer a.w.Unlock()
	if us := a.w.files.sessions[id]; us != nil {
		c := *us
		return &c, nil
	}
	return nil, nf("GetUploadSession")
}

// As a server: the bytes are written first, how many they are is noted when the call ends.
func (a *api) UploadData(us *model.UploadSession, rd io.Reader) (*model.FileInfo, error) {
	a.w.Lock()
	stored := a.w.files.sessions[us.Id]
	wrong := ""
	switch {
	case a.w.files.refused:
		wrong = "refused"
	case stored == nil:
		a.w.Unlock()
		return nil, nf("UploadData")
	case a.w.files.busy[us.Id], stored.FileOffset != us.FileOffset:
		wrong = "concurrent"
	default:
		a.w.files.busy[us.Id] = true
	}
	a.w.Unlock()
	switch wrong {
	case "refused":
		return nil, badUpload(wrong, http.StatusInternalServerError)
	case "concurrent":
		return nil, badUpload(wrong, http.StatusBadRequest)
	}
	defer func() {
		a.w.Lock()
		delete(a.w.files.busy, us.Id)
		a.w.Unlock()
	}()
	c := *us
	path := filepath.Join(a.w.files.dir, c.Path)
	written, err := a.write(path, c.FileOffset > 0, io.LimitReader(rd, c.FileSize-c.FileOffset))
	if err != nil {
		log.Print("UploadData: ", err)
		return nil, badUpload("write", http.StatusInternalServerError)
	}
	if c.FileOffset == 0 && written < firstPartMin && written != c.FileSize {
		os.Remove(path)
		return nil, badUpload("first_part_too_small", http.StatusBadRequest)
	}
	c.FileOffset += written
	if c.FileOffset < c.FileSize {
		a.keepSession(&c)
		return nil, nil
	}
	info := a.newInfo(&c)
	moved := filepath.Join(a.w.files.dir, info.Path)
	if err = os.MkdirAll(filepath.Dir(moved), 0o755); err == nil {
		err = os.Rename(path, moved)
	}
	if err != nil {
		return nil, badUpload("write", http.StatusInternalServerError)
	}
	a.keepFile(info)
	a.f.store.did("UploadData", info)
	a.w.Lock()
	delete(a.w.files.sessions, c.Id)
	a.w.Unlock()
	a.f.store.put("upload", c.Id, nil)
	return info, nil
}

func (a *api) write(path string, more bool, rd io.Reader) (int64, error) {
	how := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if more {
		how = os.O_WRONLY | os.O_APPEND
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path, how, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(&stalling{a.w, f, more, 0}, rd)
}

// stalling writes, and stops for as long as tests want it to.
type stalling struct {
	w       *world
	to      io.Writer
	more    bool
	written int64
}

func (s *stalling) Write(b []byte) (int, error) {
	n, err := s.to.Write(b)
	s.written += int64(n)
	s.w.Lock()
	after, released := s.w.files.stallAfter, s.w.files.released
	stall := after > 0 && s.written >= after && (s.more || !s.w.files.stallAppends)
	if stall {
		s.w.files.stalled++
	}
	s.w.Unlock()
	if stall {
		<-released
	}
	return n, err
}

// switchUploads: {"refused": bool, "stall_after": bytes of a call, 0 = never, "stall_appends": bool, only in
// calls that go on with a file}. Answers how many writes have stalled so far.
func (w *world) switchUploads(rw http.ResponseWriter, r *http.Request) {
	var body struct {
		Refused      bool  `json:"refused"`
		StallAfter   int64 `json:"stall_after"`
		StallAppends bool  `json:"stall_appends"`
	}
	json.NewDecoder(r.Body).Decode(&body)
	w.Lock()
	defer w.Unlock()
	w.files.refused = body.Refused
	w.files.stallAfter, w.files.stallAppends = body.StallAfter, body.StallAppends
	if body.StallAfter == 0 {
		close(w.files.released)
		w.files.released = make(chan struct{})
	}
	sendJSON(rw, 200, map[string]int{"stalled": w.files.stalled})
}

// bindFiles gives a new post those of its files that are its author's and no other post's, as a server does.
func (a *api) bindFiles(p *model.Post) {
	if len(p.FileIds) == 0 {
		return
	}
	var bound []*model.FileInfo
	a.w.Lock()
	for _, id := range p.FileIds {
		info := a.w.files.infos[id]
		if info == nil || info.PostId != "" || info.ChannelId != p.ChannelId || info.CreatorId != p.UserId && info.CreatorId != "nouser" {
			log.Print("bindFiles: not ", id)
			continue
		}
		c := *info
		c.PostId = p.Id
		a.w.files.infos[id] = &c
		bound = append(bound, &c)
	}
	a.w.Unlock()
	p.FileIds = nil
	for _, info := range bound {
		p.FileIds = append(p.FileIds, info.Id)
		a.f.store.put("file", info.Id, info)
	}
	p.Metadata = &model.PostMetadata{Files: bound}
}

// forPlugin is a post as plugins get it.
func forPlugin(p *model.Post) *model.Post {
	q := p.Clone()
	q.Metadata = nil
	return q
}

func (a *api) GetPostThread(id string) (*model.PostList, *model.AppError) {
	a.w.Lock()
	defer a.w.Unlock()
	post := a.w.posts[id]
	if post == nil || post.DeleteAt != 0 {
		return nil, nf("GetPostThread")
	}
	root := id
	if post.RootId != "" {
		root = post.RootId
	}
	l := model.NewPostList()
	for _, p := range a.w.posts {
		if p.DeleteAt == 0 && (p.Id == root || p.RootId == root) {
			l.AddPost(forPlugin(p))
			l.AddOrder(p.Id)
		}
	}
	l.SortByCreateAt()
	return l, nil
}

// serveFile is for tests: anybody's.
func (w *world) serveFile(rw http.ResponseWriter, r *http.Request) {
	w.Lock()
	info := w.files.infos[r.PathValue("id")]
	w.Unlock()
	w.sendFile(rw, r, info)
}

func (w *world) sendFile(rw http.ResponseWriter, r *http.Request, info *model.FileInfo) {
	if info == nil {
		appErr(rw, "app.file_info.get.app_error", 404)
		return
	}
	f, err := os.Open(filepath.Join(w.files.dir, info.Path))
	if err != nil {
		appErr(rw, "api.file.read_file.app_error", 404)
		return
	}
	defer f.Close()
	h := rw.Header()
	if info.MimeType != "" {
		h.Set("Content-Type", info.MimeType)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "Frame-ancestors 'none'")
	h.Set("Content-Disposition", fmt.Sprintf("inline;filename=%q", info.Name))
	http.ServeContent(rw, r, "", time.UnixMilli(info.CreateAt), f)
}

// fileRoutes are for members of the file's channel.
func (f *front) fileRoutes(mux *http.ServeMux, w *world) {
	member := func(h func(http.ResponseWriter, *http.Request, *model.FileInfo)) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			s := f.signedIn(r, false)
			if s == nil {
				appErr(rw, "api.context.session_expired.app_error", 401)
				return
			}
			w.Lock()
			info := w.files.infos[r.PathValue("id")]
			w.Unlock()
			if info == nil {
				appErr(rw, "app.file_info.get.app_error", 404)
				return
			}
			f.mu.Lock()
			is := f.members[info.ChannelId][s.UserId]
			f.mu.Unlock()
			if !is {
				appErr(rw, "api.context.permissions.app_error", 403)
				return
			}
			h(rw, r, info)
		}
	}
	mux.HandleFunc("GET /api/v4/files/{id}", member(w.sendFile))
	mux.HandleFunc("GET /api/v4/files/{id}/info", member(func(rw http.ResponseWriter, _ *http.Request, info *model.FileInfo) {
		sendJSON(rw, 200, info)
	}))
	mux.HandleFunc("GET /host/file/{id}", w.serveFile)
	mux.HandleFunc("POST /host/uploads", w.switchUploads)
}
