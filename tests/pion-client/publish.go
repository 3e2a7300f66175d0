package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

const (
	videoClock = 90000
	packetSize = 1200
	// A voice that is later than this does not catch up.
	lateMax = time.Second
)

// The microphone: a file in a loop, silent while muted, as `replaceTrack(nil)` is.
type voice struct {
	track   *webrtc.TrackLocalStaticSample
	packets [][]byte
	speaks  atomic.Bool
	sent    atomic.Int64
}

type screen struct {
	senders []*webrtc.RTPSender
	stop    chan struct{}
	// Key frames that were asked for. The Go client plays its file on.
	asked atomic.Int64
}

// Opus packets of a file with one per page.
func readOgg(path string) ([][]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, _, err := oggreader.NewWith(file)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	for first := true; ; first = false {
		page, _, err := reader.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return packets, nil
		}
		if err != nil {
			return nil, err
		}
		// The first page after the header is the comments (RFC 7845 section 3).
		if !first {
			packets = append(packets, page)
		}
	}
}

type frame struct {
	data     []byte
	duration time.Duration
}

func readIVF(path string) ([]frame, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, header, err := ivfreader.NewWith(file)
	if err != nil {
		return nil, err
	}
	duration := time.Second * time.Duration(header.TimebaseNumerator) / time.Duration(header.TimebaseDenominator)
	var frames []frame
	for {
		data, _, err := reader.ParseNextFrame()
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return nil, err
		}
		frames = append(frames, frame{data, duration})
	}
}

func opusTrack(id, stream string) (*webrtc.TrackLocalStaticSample, error) {
	return webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, id, stream)
}

// Tells the server, and at the first time adds the microphone.
func (c *client) unmute() error {
	if err := c.act("unmute", nil); err != nil {
		return err
	}
	if c.voice == nil {
		return c.addMicrophone()
	}
	c.voice.speaks.Store(true)
	return nil
}

// A microphone in a line of its own: the first, or another device after a change while muted. The newest
// speaks.
func (c *client) addMicrophone() error {
	packets, err := readOgg(c.options.voice)
	if err != nil {
		return err
	}
	c.microphones++
	track, err := opusTrack("audio", fmt.Sprintf("voice_%d_%s", c.microphones, c.session))
	if err != nil {
		return err
	}
	if err := c.addTracks(track); err != nil {
		return err
	}
	if c.voice != nil {
		c.voice.speaks.Store(false)
	}
	c.voice = &voice{track: track, packets: packets}
	c.voice.speaks.Store(true)
	go c.voice.play()
	say("microphone", fields{"number": c.microphones})
	return nil
}

func (c *client) mute() error {
	if c.voice != nil {
		c.voice.speaks.Store(false)
	}
	return c.act("mute", nil)
}

// Under the lock, which the answer's handling gives back.
func (c *client) addTracks(tracks ...webrtc.TrackLocal) error {
	if err := c.takeLock(); err != nil {
		return err
	}
	for _, track := range tracks {
		sender, err := c.pc.AddTrack(track)
		if err != nil {
			return err
		}
		if c.screen != nil {
			c.screen.senders = append(c.screen.senders, sender)
		}
		go c.readFeedback(sender)
	}
	return nil
}

// Interceptors want to be read; key frames asked for are counted.
func (c *client) readFeedback(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				if c.screen != nil {
					c.screen.asked.Add(1)
				}
			}
		}
	}
}

// Each packet at its time by the clock, so that a busy machine makes none of them fewer.
func (v *voice) play() {
	due := time.Now()
	for next := 0; ; next = (next + 1) % len(v.packets) {
		frame := opusDuration(v.packets[next])
		due = due.Add(frame)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		} else if -wait > lateMax {
			due = time.Now()
		}
		if !v.speaks.Load() {
			continue
		}
		if v.track.WriteSample(media.Sample{Data: v.packets[next], Duration: frame}) != nil {
			return
		}
		v.sent.Add(1)
	}
}

// How long a packet of Opus sounds, by its first byte (RFC 6716 section 3.1); one or two frames each.
func opusDuration(packet []byte) time.Duration {
	if len(packet) == 0 {
		return 20 * time.Millisecond
	}
	microseconds := []int{2500, 5000, 10000, 20000}
	switch configuration := packet[0] >> 3; {
	case configuration < 12:
		microseconds = []int{10000, 20000, 40000, 60000}
	case configuration < 16:
		microseconds = []int{10000, 20000, 10000, 20000}
	}
	frame := time.Duration(microseconds[packet[0]>>3&3]) * time.Microsecond
	if packet[0]&3 != 0 {
		frame *= 2
	}
	return frame
}

// Announces a stream, then adds its tracks. Without layers the description has neither rid nor mid in
// the packets: `a=ssrc` alone tells whose they are. With layers each packet says its line and layer, as
// servers of Pion need it.
func (c *client) shareScreen(sound bool) error {
	stream := "screen_" + c.session
	announced, err := json.Marshal(map[string]string{"screenStreamID": stream})
	if err != nil {
		return err
	}
	if err := c.act("screen_on", map[string]any{"data": string(announced)}); err != nil {
		return err
	}
	c.screen = &screen{stop: make(chan struct{})}
	if c.av1Pair {
		if err := c.shareInAV1(stream); err != nil {
			return err
		}
		// The Go client announces each of the two.
		if err := c.act("screen_on", map[string]any{"data": string(announced)}); err != nil {
			return err
		}
	}
	high, err := pictures(stream, "h", webrtc.MimeTypeVP8)
	if err != nil {
		return err
	}
	tracks := []webrtc.TrackLocal{high}
	if sound {
		track, err := c.screenSound(stream)
		if err != nil {
			return err
		}
		tracks = append(tracks, track)
	}
	if err := c.addTracks(tracks...); err != nil {
		return err
	}
	sender := c.senderOf(high)
	if c.options.simulcast {
		low, err := pictures(stream, "l", webrtc.MimeTypeVP8)
		if err != nil {
			return err
		}
		if err := sender.AddEncoding(low); err != nil {
			return err
		}
		if err := c.film(c.options.screenLow, low, sender); err != nil {
			return err
		}
	}
	return c.film(c.options.screenHigh, high, sender)
}

func (c *client) screenSound(stream string) (webrtc.TrackLocal, error) {
	track, err := opusTrack("screen-sound", stream)
	if err != nil {
		return nil, err
	}
	packets, err := readOgg(c.options.voice)
	if err != nil {
		return nil, err
	}
	sound := &voice{track: track, packets: packets}
	sound.speaks.Store(true)
	go sound.play()
	return track, nil
}

// The same picture, before it goes out in VP8.
func (c *client) shareInAV1(stream string) error {
	track, err := pictures(stream, "h", webrtc.MimeTypeAV1)
	if err != nil {
		return err
	}
	if err := c.addTracks(track); err != nil {
		return err
	}
	return c.film(c.options.screenAV1, track, c.senderOf(track))
}

func (c *client) senderOf(track webrtc.TrackLocal) *webrtc.RTPSender {
	for _, sender := range c.screen.senders {
		if sender.Track() == track {
			return sender
		}
	}
	return nil
}

func pictures(stream, rid, codec string) (*webrtc.TrackLocalStaticRTP, error) {
	capability := webrtc.RTPCodecCapability{MimeType: codec, ClockRate: videoClock}
	return webrtc.NewTrackLocalStaticRTP(capability, "screen", stream, webrtc.WithRTPStreamID(rid))
}

// Plays a file into a track until the screen stops.
func (c *client) film(path string, track *webrtc.TrackLocalStaticRTP, sender *webrtc.RTPSender) error {
	frames, err := readIVF(path)
	if err != nil {
		return err
	}
	var payloader rtp.Payloader = &codecs.VP8Payloader{EnablePictureID: true}
	if track.Codec().MimeType == webrtc.MimeTypeAV1 {
		payloader = &codecs.AV1Payloader{}
	}
	packetizer := rtp.NewPacketizer(packetSize, 0, 0, payloader, rtp.NewRandomSequencer(), videoClock)
	stop := c.screen.stop
	go func() {
		for next := 0; ; next = (next + 1) % len(frames) {
			select {
			case <-stop:
				return
			case <-time.After(frames[next].duration):
			}
			samples := uint32(frames[next].duration.Seconds() * videoClock)
			for _, packet := range packetizer.Packetize(frames[next].data, samples) {
				if c.options.simulcast {
					c.nameLayer(packet, track.RID(), sender)
				}
				if track.WriteRTP(packet) != nil {
					return
				}
			}
		}
	}()
	return nil
}

// Says in the packet which line and layer it belongs to (RFC 8852), as soon as that is negotiated.
func (c *client) nameLayer(packet *rtp.Packet, rid string, sender *webrtc.RTPSender) {
	mid := ""
	for _, transceiver := range c.pc.GetTransceivers() {
		if transceiver.Sender() == sender {
			mid = transceiver.Mid()
		}
	}
	values := map[string]string{sdp.SDESMidURI: mid, sdp.SDESRTPStreamIDURI: rid}
	for _, extension := range sender.GetParameters().HeaderExtensions {
		if value := values[extension.URI]; value != "" {
			_ = packet.SetExtension(uint8(extension.ID), []byte(value))
		}
	}
}

// Takes the tracks away, then says so.
func (c *client) stopScreen() error {
	if c.screen == nil {
		return nil
	}
	close(c.screen.stop)
	if err := c.takeLock(); err != nil {
		return err
	}
	for _, sender := range c.screen.senders {
		if err := c.pc.RemoveTrack(sender); err != nil {
			return err
		}
	}
	c.screen = nil
	return c.act("screen_off", nil)
}
