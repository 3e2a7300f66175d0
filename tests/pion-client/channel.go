package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/vmihailenco/msgpack/v5"
)

// Messages of `calls-dc`. The type is a Go byte: two bytes in msgpack (`cc 07`), even where one would do.
type messageType uint8

const (
	messagePing messageType = iota + 1
	messagePong
	messageSDP
	messageLossRate
	messageRoundTripTime
	messageJitter
	messageLock
	messageUnlock
	messageMediaMap
)

// How long the Go client waits before it asks for the lock again.
const lockRetry = 100 * time.Millisecond

func encode(kind messageType, payload any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := msgpack.NewEncoder(&buffer)
	if err := encoder.EncodeUint8(uint8(kind)); err != nil {
		return nil, err
	}
	if payload != nil {
		if err := encoder.Encode(payload); err != nil {
			return nil, err
		}
	}
	return buffer.Bytes(), nil
}

func (c *client) channelSend(kind messageType, payload ...any) error {
	var first any
	if len(payload) > 0 {
		first = payload[0]
	}
	message, err := encode(kind, first)
	if err != nil {
		return err
	}
	return c.dc.Send(message)
}

func (c *client) handleMessage(message webrtc.DataChannelMessage) error {
	if message.IsString {
		c.pongs <- string(message.Data)
		return nil
	}
	decoder := msgpack.NewDecoder(bytes.NewReader(message.Data))
	number, err := decoder.DecodeUint8()
	if err != nil {
		return fmt.Errorf("type: %w", err)
	}
	switch messageType(number) {
	case messagePong:
		select {
		case c.pongs <- "":
		default:
		}
		return nil
	case messageLock:
		// Without an explicit boolean the Go client crashes.
		held, err := decoder.DecodeBool()
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		c.locks <- held
		return nil
	case messageSDP:
		deflated, err := decoder.DecodeBytes()
		if err != nil {
			return fmt.Errorf("sdp: %w", err)
		}
		text, err := inflate(deflated)
		if err != nil {
			return err
		}
		say("channel_sdp", fields{"bytes": len(message.Data)})
		return c.handleSignal(text)
	case messageMediaMap:
		var lines map[string]struct {
			Type     string `msgpack:"type"`
			SenderID string `msgpack:"sender_id"`
		}
		if err := decoder.Decode(&lines); err != nil {
			return fmt.Errorf("media map: %w", err)
		}
		c.heard.Lock()
		c.maps++
		c.heard.Unlock()
		said := fields{}
		for mid, line := range lines {
			said[mid] = fields{"type": line.Type, "sender": line.SenderID}
		}
		say("map", fields{"lines": said})
		return nil
	}
	say("message", fields{"type": number})
	return nil
}

// Asks once.
func (c *client) askLock() (bool, error) {
	if err := c.channelSend(messageLock); err != nil {
		return false, err
	}
	select {
	case held := <-c.locks:
		return held, nil
	case <-time.After(c.options.patience):
		return false, errors.New("no reply to Lock")
	}
}

// Asks until it has it, for as long as the Go client does.
func (c *client) takeLock() error {
	deadline := time.Now().Add(c.options.patience)
	for tries := 1; ; tries++ {
		held, err := c.askLock()
		if err != nil {
			return err
		}
		if held {
			say("locked", fields{"tries": tries})
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("the lock was never free")
		}
		time.Sleep(lockRetry)
	}
}

// What it measured: whole numbers go as integers.
func (c *client) sendStatistics() error {
	for kind, value := range map[messageType]any{messageLossRate: int64(0), messageRoundTripTime: int64(1), messageJitter: 0.004} {
		if err := c.channelSend(kind, value); err != nil {
			return err
		}
	}
	return nil
}

// As clients did before there were binary pings.
func (c *client) textPing() error {
	if err := c.dc.SendText("ping"); err != nil {
		return err
	}
	return c.awaitPong("text_pong", time.Now())
}

// The longest of ten round trips.
func (c *client) measurePings() error {
	for range 10 {
		sent := time.Now()
		if err := c.channelSend(messagePing); err != nil {
			return err
		}
		if err := c.awaitPong("pong", sent); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

func (c *client) awaitPong(name string, sent time.Time) error {
	select {
	case text := <-c.pongs:
		say(name, fields{"text": text, "took_ms": float64(time.Since(sent).Microseconds()) / 1000})
		return nil
	case <-time.After(c.options.patience):
		return errors.New("no pong")
	}
}
