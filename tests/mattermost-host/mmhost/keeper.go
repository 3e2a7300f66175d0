package main

// With -state: what a node alone knows is in a file as well, so that it can be killed and started again, as a
// server over its database can.

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"sync"
)

// keeper appends each change, one a line, before whoever made it is answered.
type keeper struct {
	mu   sync.Mutex
	file *os.File
	// Plugins that were enabled when the file was read.
	enabled map[string]bool
}

// kept is a change; without a value the thing is gone.
type kept struct {
	Kind  string          `json:"kind"`
	ID    string          `json:"id"`
	Value json.RawMessage `json:"value,omitempty"`
}

// keptValue is a plugin's value with the time at which it expires.
type keptValue struct {
	Value  []byte `json:"value"`
	Expire int64  `json:"expire"`
}

// open reads what an earlier process kept; a line that its end cut short is nothing.
func (k *keeper) open(path string, take func(kept) error) error {
	k.enabled = map[string]bool{}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	lines, whole := bufio.NewReader(file), int64(0)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		var one kept
		if err := json.Unmarshal(line, &one); err != nil {
			return err
		}
		if err := take(one); err != nil {
			return err
		}
		whole += int64(len(line))
	}
	if err := file.Truncate(whole); err != nil {
		return err
	}
	if _, err := file.Seek(whole, io.SeekStart); err != nil {
		return err
	}
	k.file = file
	return nil
}

func (k *keeper) keep(kind, id string, value any) {
	if k.file == nil {
		return
	}
	one := kept{Kind: kind, ID: id}
	if value != nil {
		one.Value, _ = json.Marshal(value)
	}
	line, _ := json.Marshal(one)
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.file.Write(append(line, '\n')); err != nil {
		log.Print("keep ", kind, ": ", err)
	}
}

// restore puts what was kept into the memory of this node.
func (w *world) restore(f *front, path string) error {
	return f.store.keeper.open(path, func(one kept) error {
		if one.Kind == "enabled" {
			f.store.keeper.enabled[one.ID] = one.Value != nil
			return nil
		}
		if one.Kind == "kv" {
			if one.Value == nil {
				delete(w.kv, one.ID)
				delete(w.exp, one.ID)
				return nil
			}
			var v keptValue
			err := json.Unmarshal(one.Value, &v)
			w.kv[one.ID], w.exp[one.ID] = v.Value, v.Expire
			return err
		}
		take := f.store.kinds[one.Kind]
		if take == nil {
			return errors.New("unknown kind " + one.Kind)
		}
		return take(one.ID, one.Value)
	})
}
