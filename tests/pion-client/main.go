// A participant made of Go and Pion: what the official load-test client and the transcriber are, seen
// from the wire. It signs in, joins a call and does what standard input says, one command per line; what
// happens goes to standard output as JSON lines.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// Everything about a participant that does not change while it runs.
type options struct {
	site        string
	plugin      string
	user        string
	password    string
	channel     string
	dcSignaling bool
	av1         bool
	profiles    string
	opusType    uint
	vp8Type     uint
	voice       string
	screenLow   string
	screenHigh  string
	screenAV1   string
	simulcast   bool
	record      string
	expect      string
	verbose     bool
	patience    time.Duration
}

func readOptions() options {
	var o options
	flag.StringVar(&o.site, "site", "", "address of the server, with sub-path if any")
	flag.StringVar(&o.plugin, "plugin", "com.mattermost.calls", "plugin id")
	flag.StringVar(&o.user, "user", "", "name to sign in with")
	flag.StringVar(&o.password, "password", "", "its password")
	flag.StringVar(&o.channel, "channel", "", "channel id")
	flag.BoolVar(&o.dcSignaling, "dc-signaling", false, "descriptions over the data channel once it is open")
	flag.BoolVar(&o.av1, "av1", false, "declare AV1")
	flag.StringVar(&o.profiles, "srtp", "", "SRTP profiles offered, in order: gcm256, gcm128, sha1, comma-separated; empty = Pion's own")
	flag.UintVar(&o.opusType, "opus-type", 0, "offer Opus and nothing else for sound, with this payload type; 0 = all codecs of Pion")
	flag.UintVar(&o.vp8Type, "vp8-type", 120, "with -opus-type: payload type of VP8")
	flag.StringVar(&o.voice, "voice", "", "Ogg file with one Opus packet per page, looped while unmuted")
	flag.StringVar(&o.screenLow, "screen-low", "", "IVF file with VP8: the small layer")
	flag.StringVar(&o.screenHigh, "screen-high", "", "IVF file with VP8: the screen, or its large layer")
	flag.StringVar(&o.screenAV1, "screen-av1", "", "IVF file with AV1: the screen once more, where the server wants it")
	flag.BoolVar(&o.simulcast, "simulcast", false, "share the screen in two layers")
	flag.StringVar(&o.record, "record", "", "folder for an Ogg file per voice received")
	flag.StringVar(&o.expect, "expect", "", "Ogg files that others play, comma-separated: the report says how much of each was heard")
	flag.BoolVar(&o.verbose, "verbose", false, "descriptions on standard error")
	flag.DurationVar(&o.patience, "patience", 5*time.Second, "longest time to get connected, and to wait for the lock")
	flag.Parse()
	return o
}

func main() {
	if err := run(readOptions()); err != nil {
		say("failed", fields{"why": err.Error()})
		os.Exit(1)
	}
}

func run(o options) error {
	c, err := newClient(o)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.join(); err != nil {
		return err
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		input := bufio.NewScanner(os.Stdin)
		for input.Scan() {
			lines <- input.Text()
		}
	}()
	for {
		select {
		case err := <-c.fatal:
			return err
		case line, open := <-lines:
			if !open || line == "leave" {
				return c.leave()
			}
			if err := c.obey(line); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		}
	}
}

// Does what a line of standard input says.
func (c *client) obey(line string) error {
	command, rest, _ := strings.Cut(line, " ")
	switch command {
	case "unmute":
		return c.unmute()
	case "mute":
		return c.mute()
	case "device":
		return c.addMicrophone()
	case "screen":
		return c.shareScreen(rest == "sound")
	case "unscreen":
		return c.stopScreen()
	case "lock":
		held, err := c.askLock()
		say("lock", fields{"held": held})
		return err
	case "unlock":
		if err := c.channelSend(messageUnlock); err != nil {
			return err
		}
		// Has no reply: the channel's order says that it was read.
		if err := c.channelSend(messagePing); err != nil {
			return err
		}
		return c.awaitPong("pong_after", time.Now())
	case "candidates":
		return c.repeatCandidates()
	case "statistics":
		return c.sendStatistics()
	case "text-ping":
		return c.textPing()
	case "pings":
		return c.measurePings()
	case "cut":
		return c.cut()
	case "reconnect":
		return c.reconnect()
	case "get":
		var body any
		if err := get(c.options.site, c.options.plugin, c.token, rest, &body); err != nil {
			return err
		}
		say("answer_of", fields{"path": rest, "body": body})
		return nil
	case "do":
		return c.act(rest, nil)
	case "report":
		c.report()
		return nil
	default:
		return fmt.Errorf("unknown command")
	}
}
