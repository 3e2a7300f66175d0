package main

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

type fields map[string]any

var (
	start  = time.Now()
	output sync.Mutex
)

// Writes one JSON line: what happened, and when in milliseconds since the start.
func say(event string, more fields) {
	line := fields{"event": event, "at_ms": time.Since(start).Milliseconds()}
	for key, value := range more {
		line[key] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		text = []byte(`{"event":"failed","why":"a line that is no JSON"}`)
	}
	output.Lock()
	defer output.Unlock()
	_, _ = os.Stdout.Write(append(text, '\n'))
}
