package main

// What nodes share: in memory for a node alone; with -dsn in PostgreSQL, from where the others read it anew.

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"log"
	"net/http"
	"sort"
	"strings"
	"sync"

	"github.com/mattermost/mattermost/server/public/model"
)

const sharedSchema = `
create table if not exists Shared (Kind varchar(32), Id varchar(190), Value jsonb, primary key (Kind, Id));
create table if not exists Effects (Seq bigserial primary key, Node varchar(64), Method varchar(64), Detail jsonb);
create table if not exists Nodes (Node varchar(64) primary key);`

// store is the database of a node, or nothing.
type store struct {
	db   *sql.DB
	node string
	// Of a node without a database.
	keeper keeper
	// Kind of shared thing -> takes a row; nil = it is gone.
	kinds map[string]func(id string, value []byte) error
	// Tells the other nodes that a row changed.
	changed func(kind, id string)

	mu      sync.Mutex
	effects []effect
}

// effect is a call of the plugin that others can see: where, what.
type effect struct {
	Node   string          `json:"node"`
	Method string          `json:"method"`
	Detail json.RawMessage `json:"detail"`
}

func (s *store) open(db *sql.DB) error {
	s.db = db
	// Several nodes and the plugins' own connections share what a small server allows.
	db.SetMaxOpenConns(20)
	// One node at a time makes the tables.
	_, err := db.Exec(`select pg_advisory_xact_lock(1);` + schema + sharedSchema)
	return err
}

// put makes something known to all nodes, and to a later start of this one; nil takes it away. Callers hold no lock.
func (s *store) put(kind, id string, value any) {
	if s.db == nil {
		s.keeper.keep(kind, id, value)
		return
	}
	var err error
	if value == nil {
		_, err = s.db.Exec(`delete from Shared where Kind=$1 and Id=$2`, kind, id)
	} else {
		b, _ := json.Marshal(value)
		_, err = s.db.Exec(`insert into Shared values ($1,$2,$3) on conflict (Kind, Id) do update set Value=excluded.Value`, kind, id, b)
	}
	if err != nil {
		log.Print("put ", kind, ": ", err)
		return
	}
	// This node reads it, too: two that write at once end with the same.
	s.reload(kind, id)
	s.changed(kind, id)
}

func (s *store) reload(kind, id string) {
	take := s.kinds[kind]
	if take == nil {
		log.Print("reload: unknown kind ", kind)
		return
	}
	var b []byte
	err := s.db.QueryRow(`select Value from Shared where Kind=$1 and Id=$2`, kind, id).Scan(&b)
	if err == sql.ErrNoRows {
		err = nil
	}
	if err == nil {
		err = take(id, b)
	}
	if err != nil {
		log.Print("reload ", kind, ": ", err)
	}
}

// load reads all that other nodes left.
func (s *store) load() error {
	if s.db == nil {
		return nil
	}
	rows, err := s.db.Query(`select Kind, Id, Value from Shared`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var kind, id string
		var b []byte
		if err := rows.Scan(&kind, &id, &b); err != nil {
			return err
		}
		if take := s.kinds[kind]; take != nil {
			if err := take(id, b); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

// did notes an effect, so that tests can count them over all nodes.
func (s *store) did(method string, detail any) {
	b, _ := json.Marshal(detail)
	if s.db == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.effects = append(s.effects, effect{s.node, method, b})
		return
	}
	if _, err := s.db.Exec(`insert into Effects (Node, Method, Detail) values ($1,$2,$3)`, s.node, method, b); err != nil {
		log.Print("did ", method, ": ", err)
	}
}

func (s *store) allEffects() ([]effect, error) {
	l := []effect{}
	if s.db == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return append(l, s.effects...), nil
	}
	rows, err := s.db.Query(`select Node, Method, Detail from Effects order by Seq`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e effect
		var b []byte
		if err := rows.Scan(&e.Node, &e.Method, &b); err != nil {
			return nil, err
		}
		e.Detail = b
		l = append(l, e)
	}
	return l, rows.Err()
}

// share says how each kind of shared thing gets into this node's memory.
func (w *world) share(f *front) {
	f.store.kinds = map[string]func(string, []byte) error{
		"user": func(id string, b []byte) error {
			var u model.User
			if err := json.Unmarshal(b, &u); err != nil {
				return err
			}
			password := u.Password
			u.Password = ""
			w.Lock()
			w.users[id] = &u
			w.Unlock()
			if password != "" {
				f.mu.Lock()
				f.pass[u.Username] = password
				f.mu.Unlock()
			}
			return nil
		},
		"channel": func(id string, b []byte) error {
			var c model.Channel
			if err := json.Unmarshal(b, &c); err != nil {
				return err
			}
			w.Lock()
			defer w.Unlock()
			w.channels[id] = &c
			return nil
		},
		"member": func(id string, b []byte) error {
			channel, user, _ := strings.Cut(id, "/")
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.members[channel] == nil {
				f.members[channel] = map[string]bool{}
			}
			if b == nil {
				delete(f.members[channel], user)
			} else {
				f.members[channel][user] = true
			}
			return nil
		},
		"session": func(token string, b []byte) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if b == nil {
				delete(f.tok, token)
				return nil
			}
			var s model.Session
			if err := json.Unmarshal(b, &s); err != nil {
				return err
			}
			f.tok[token] = &s
			return nil
		},
		"post": func(id string, b []byte) error {
			var p model.Post
			if err := json.Unmarshal(b, &p); err != nil {
				return err
			}
			w.Lock()
			defer w.Unlock()
			w.posts[id] = &p
			return nil
		},
		"status": func(user string, b []byte) error {
			var s model.Status
			if err := json.Unmarshal(b, &s); err != nil {
				return err
			}
			w.Lock()
			defer w.Unlock()
			w.statuses[user] = &s
			return nil
		},
	}
}

// addUser makes a user known to all nodes; an empty password keeps the present one.
func (f *front) addUser(w *world, u *model.User, password string) {
	w.Lock()
	w.users[u.Id] = u
	w.Unlock()
	f.mu.Lock()
	if password == "" {
		password = f.pass[u.Username]
	} else {
		f.pass[u.Username] = password
	}
	f.mu.Unlock()
	stored := *u
	stored.Password = password
	f.store.put("user", u.Id, &stored)
}

func (f *front) addChannel(w *world, c *model.Channel) {
	w.Lock()
	w.channels[c.Id] = c
	w.Unlock()
	f.store.put("channel", c.Id, c)
}

func (f *front) setMember(channel, user string, is bool) {
	f.mu.Lock()
	if f.members[channel] == nil {
		f.members[channel] = map[string]bool{}
	}
	if is {
		f.members[channel][user] = true
	} else {
		delete(f.members[channel], user)
	}
	f.mu.Unlock()
	if is {
		f.store.put("member", channel+"/"+user, true)
	} else {
		f.store.put("member", channel+"/"+user, nil)
	}
}

// The key-value store of plugins. As in a server: an expired value is absent, and of several nodes that set
// the same key at once one wins.

const live = ` (ExpireAt = 0 or ExpireAt > $3)`

func (a *api) dbErr(where string, err error) *model.AppError {
	return model.NewAppError(where, "mmhost.database", nil, err.Error(), http.StatusInternalServerError)
}

func (a *api) KVGet(k string) ([]byte, *model.AppError) {
	if db := a.f.store.db; db != nil {
		var v []byte
		err := db.QueryRow(`select PValue from PluginKeyValueStore where PluginId=$1 and PKey=$2 and`+live, a.id, k, model.GetMillis()).Scan(&v)
		if err != nil && err != sql.ErrNoRows {
			return nil, a.dbErr("KVGet", err)
		}
		return v, nil
	}
	a.w.Lock()
	defer a.w.Unlock()
	v, _ := a.kvLive(k)
	return v, nil
}

func (a *api) KVSet(k string, v []byte) *model.AppError {
	_, err := a.KVSetWithOptions(k, v, model.PluginKVSetOptions{})
	return err
}

func (a *api) KVDelete(k string) *model.AppError { return a.KVSet(k, nil) }

func (a *api) KVSetWithOptions(k string, v []byte, o model.PluginKVSetOptions) (bool, *model.AppError) {
	exp := int64(0)
	if o.ExpireInSeconds > 0 {
		exp = model.GetMillis() + o.ExpireInSeconds*1000
	}
	if db := a.f.store.db; db != nil {
		q, args := kvStatement(a.id, k, v, exp, o)
		r, err := db.Exec(q, args...)
		if err != nil {
			return false, a.dbErr("KVSetWithOptions", err)
		}
		n, err := r.RowsAffected()
		if err != nil {
			return false, a.dbErr("KVSetWithOptions", err)
		}
		// Taking away what is not there succeeds, as for a node alone.
		gone := o.Atomic && o.OldValue == nil && v == nil
		return !o.Atomic || n == 1 && !gone || n == 0 && gone, nil
	}
	a.w.Lock()
	defer a.w.Unlock()
	old, has := a.kvLive(k)
	if o.Atomic && !((o.OldValue == nil && !has) || (has && bytes.Equal(old, o.OldValue))) {
		return false, nil
	}
	if v == nil {
		delete(a.w.kv, a.id+"/"+k)
		delete(a.w.exp, a.id+"/"+k)
		a.f.store.keeper.keep("kv", a.id+"/"+k, nil)
	} else {
		a.w.kv[a.id+"/"+k], a.w.exp[a.id+"/"+k] = v, exp
		a.f.store.keeper.keep("kv", a.id+"/"+k, keptValue{v, exp})
	}
	return true, nil
}

// kvStatement is one statement, hence atomic; with a condition it changes one row or none.
func kvStatement(plugin, k string, v []byte, exp int64, o model.PluginKVSetOptions) (string, []any) {
	now := model.GetMillis()
	switch {
	case !o.Atomic && v == nil:
		return `delete from PluginKeyValueStore where PluginId=$1 and PKey=$2`, []any{plugin, k}
	case !o.Atomic:
		return `insert into PluginKeyValueStore values ($1,$2,$3,$4) on conflict (PluginId, PKey) do update set PValue=excluded.PValue, ExpireAt=excluded.ExpireAt`,
			[]any{plugin, k, v, exp}
	case o.OldValue == nil && v == nil:
		// Changes nothing: counts whether there is something.
		return `update PluginKeyValueStore set ExpireAt=ExpireAt where PluginId=$1 and PKey=$2 and` + live, []any{plugin, k, now}
	case o.OldValue == nil:
		return `insert into PluginKeyValueStore values ($1,$2,$4,$5) on conflict (PluginId, PKey) do update set PValue=excluded.PValue, ExpireAt=excluded.ExpireAt where not (PluginKeyValueStore.ExpireAt = 0 or PluginKeyValueStore.ExpireAt > $3)`,
			[]any{plugin, k, now, v, exp}
	case v == nil:
		return `delete from PluginKeyValueStore where PluginId=$1 and PKey=$2 and PValue=$4 and` + live, []any{plugin, k, now, o.OldValue}
	default:
		return `update PluginKeyValueStore set PValue=$5, ExpireAt=$6 where PluginId=$1 and PKey=$2 and PValue=$4 and` + live,
			[]any{plugin, k, now, o.OldValue, v, exp}
	}
}

func (a *api) KVList(page, per int) ([]string, *model.AppError) {
	l := []string{}
	if db := a.f.store.db; db != nil {
		rows, err := db.Query(`select PKey from PluginKeyValueStore where PluginId=$1 and (ExpireAt = 0 or ExpireAt > $2) order by PKey limit $3 offset $4`, a.id, model.GetMillis(), per, page*per)
		if err != nil {
			return nil, a.dbErr("KVList", err)
		}
		defer rows.Close()
		for rows.Next() {
			var k string
			if err := rows.Scan(&k); err != nil {
				return nil, a.dbErr("KVList", err)
			}
			l = append(l, k)
		}
		return l, nil
	}
	a.w.Lock()
	defer a.w.Unlock()
	for k := range a.w.kv {
		if k, ok := strings.CutPrefix(k, a.id+"/"); ok {
			if _, live := a.kvLive(k); live {
				l = append(l, k)
			}
		}
	}
	sort.Strings(l)
	from := min(page*per, len(l))
	return l[from:min(from+per, len(l))], nil
}
