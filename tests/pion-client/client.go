package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

// One participant in one call.
type client struct {
	options options
	token   string
	// Shares its screen in AV1 and VP8: both sides want it, and there are no layers.
	av1Pair bool
	// Of the connection it joined on: the session's id for its whole life.
	session string
	// Where it speaks now; nil while that is cut.
	socket atomic.Pointer[socket]
	// Id of the last one.
	connection string
	pc         *webrtc.PeerConnection
	dc         *webrtc.DataChannel
	logs       *logCounter
	// One description at a time, as in the Go client.
	signaling sync.Mutex
	// An answer to an offer of ours was taken.
	answered bool
	// Candidates wait for a remote description.
	waiting []webrtc.ICECandidateInit
	// Its own, as sent.
	candidates []string
	connected  chan struct{}
	opened     chan struct{}
	locks      chan bool
	pongs      chan string
	fatal      chan error

	// Packets of files that may be heard, by name.
	known map[string][][]byte

	voice       *voice
	microphones int
	screen      *screen
	// What is received; see listen.go.
	heard  sync.Mutex
	tracks []*received
	maps   int
}

func newClient(o options) (*client, error) {
	token, err := logIn(o.site, o.user, o.password)
	if err != nil {
		return nil, err
	}
	config, err := readConfig(o.site, o.plugin, token)
	if err != nil {
		return nil, err
	}
	known := map[string][][]byte{}
	for _, path := range strings.FieldsFunc(o.expect, func(r rune) bool { return r == ',' }) {
		if known[filepath.Base(path)], err = readOgg(path); err != nil {
			return nil, err
		}
	}
	say("config", fields{"simulcast": config["EnableSimulcast"], "av1": config["EnableAV1"], "dc_signaling": config["EnableDCSignaling"]})
	return &client{
		options:   o,
		token:     token,
		av1Pair:   o.av1 && config["EnableAV1"] && !config["EnableSimulcast"],
		known:     known,
		logs:      &logCounter{counts: map[string]int{}},
		connected: make(chan struct{}),
		opened:    make(chan struct{}),
		locks:     make(chan bool, 1),
		pongs:     make(chan string, 16),
		fatal:     make(chan error, 16),
	}, nil
}

// Opens the socket, joins and connects the media.
func (c *client) join() error {
	socket, err := dial(c.options.site, c.options.plugin, c.token)
	if err != nil {
		return err
	}
	c.socket.Store(socket)
	c.session, c.connection = socket.connectionID, socket.connectionID
	say("hello", fields{"connection": c.session})
	err = c.act("join", map[string]any{
		"channelID": c.options.channel,
		// As the Go client: always there, no title.
		"jobID":       "",
		"av1Support":  c.options.av1,
		"dcSignaling": c.options.dcSignaling,
	})
	if err != nil {
		return err
	}
	go c.handleEvents(socket)
	deadline := time.After(c.options.patience)
	for _, reached := range []chan struct{}{c.connected, c.opened} {
		select {
		case <-reached:
		case err := <-c.fatal:
			return err
		case <-deadline:
			return fmt.Errorf("not connected within %s", c.options.patience)
		}
	}
	say("ready", nil)
	return nil
}

// An action as text; only `sdp` and `ice` are binary in the Go client.
func (c *client) act(action string, data map[string]any) error {
	return c.send(action, data, false)
}

func (c *client) send(action string, data map[string]any, binary bool) error {
	socket := c.socket.Load()
	if socket == nil {
		return errors.New("the socket is cut")
	}
	return socket.send(action, data, binary)
}

func (c *client) handleEvents(s *socket) {
	for {
		select {
		case err := <-s.lost:
			if c.socket.Load() == s {
				c.fail(fmt.Errorf("socket lost: %w", err))
			}
			return
		case e := <-s.events:
			if err := c.handleEvent(e); err != nil {
				c.fail(fmt.Errorf("%s: %w", e.Event, err))
			}
		}
	}
}

func (c *client) handleEvent(e event) error {
	text := func(key string) string {
		value, _ := e.Data[key].(string)
		return value
	}
	// About the connection, whatever its channel.
	if e.Broadcast.ChannelID == "" && e.Event != "parley_dropped" {
		return errors.New("no broadcast.channel_id")
	}
	if e.Event == "signal" {
		if text("connID") != c.session {
			return nil
		}
		say("signal", fields{"bytes": len(text("data"))})
		return c.handleSignal(text("data"))
	}
	say("event", fields{"name": e.Event, "data": e.Data})
	switch e.Event {
	case "join":
		if text("connID") != c.session {
			return nil
		}
		return c.connectMedia()
	case "error":
		if text("connID") == c.session {
			return errors.New(text("data"))
		}
	case "user_muted", "user_unmuted", "user_screen_on", "user_screen_off", "user_voice_on", "user_voice_off",
		"user_raise_hand", "user_unraise_hand":
		// The Go client ends when one of these cannot be read.
		if text("userID") == "" || text("session_id") == "" {
			return errors.New("userID or session_id is missing")
		}
	case "user_joined", "user_left":
		if text("user_id") == "" || text("session_id") == "" {
			return errors.New("user_id or session_id is missing")
		}
	case "call_host_changed":
		if text("hostID") == "" {
			return errors.New("hostID is missing")
		}
	}
	return nil
}

func (c *client) fail(err error) {
	select {
	case c.fatal <- err:
	default:
	}
}

// The socket is gone, the media goes on.
func (c *client) cut() error {
	c.socket.Swap(nil).close()
	return nil
}

// A new socket for the same session: always a new connection id.
func (c *client) reconnect() error {
	socket, err := dial(c.options.site, c.options.plugin, c.token)
	if err != nil {
		return err
	}
	previous := c.connection
	c.connection = socket.connectionID
	c.socket.Store(socket)
	go c.handleEvents(socket)
	say("hello", fields{"connection": socket.connectionID})
	return c.act("reconnect", map[string]any{
		"channelID":      c.options.channel,
		"originalConnID": c.session,
		"prevConnID":     previous,
	})
}

func (c *client) leave() error {
	if c.socket.Load() == nil {
		return nil
	}
	return c.act("leave", nil)
}

func (c *client) close() {
	if c.pc != nil {
		_ = c.pc.Close()
	}
	if socket := c.socket.Swap(nil); socket != nil {
		socket.close()
	}
	c.closeRecords()
}
