package main

import (
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strings"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
)

// One track received, and what happened in it.
type received struct {
	mid     string
	kind    string
	id      string
	stream  string
	codec   string
	pt      uint8
	ssrc    uint32
	first   int64
	last    int64
	packets int64
	// Numbers that never came.
	missing map[int64]bool
	late    int64
	doubled int64
	resets  int64
	// Came again as RFC 4588 packets: lost ones, and others that only fill the link.
	repaired int64
	padding  int64
	frames   int64
	bytes    int64
	// RTP time ran backwards.
	backwards int64
	timestamp uint32
	reports   int64
	counted   uint32
	// Where sender reports put its clock.
	line line
	// Of the packets' contents.
	payloads map[uint64]bool
	record   *oggwriter.OggWriter
}

// Beyond this a step in the numbers is another numbering.
const sequenceJump = 3000

// Contents remembered per track.
const payloadsMax = 4096

func (c *client) listen(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	parts := strings.Split(remote.ID(), "_")
	// The Go client splits the id so.
	if len(parts) < 3 {
		c.fail(fmt.Errorf("track id %q", remote.ID()))
		return
	}
	track := &received{
		mid:      receiver.RTPTransceiver().Mid(),
		kind:     parts[0],
		line:     line{clock: float64(remote.Codec().ClockRate)},
		id:       remote.ID(),
		stream:   remote.StreamID(),
		codec:    remote.Codec().MimeType,
		pt:       uint8(remote.PayloadType()),
		ssrc:     uint32(remote.SSRC()),
		payloads: map[uint64]bool{},
		missing:  map[int64]bool{},
	}
	if c.options.record != "" && remote.Kind() == webrtc.RTPCodecTypeAudio {
		path := filepath.Join(c.options.record, fmt.Sprintf("%s_%s.ogg", track.kind, track.mid))
		record, err := oggwriter.New(path, 48000, 2)
		if err != nil {
			c.fail(err)
			return
		}
		track.record = record
	}
	c.heard.Lock()
	c.tracks = append(c.tracks, track)
	c.heard.Unlock()
	say("track", fields{"mid": track.mid, "kind": track.kind, "id": track.id, "stream": track.stream, "codec": track.codec, "ssrc": track.ssrc})
	if remote.Kind() == webrtc.RTPCodecTypeVideo {
		// Once, as the Go client does when a screen arrives.
		_ = c.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: track.ssrc}})
	}
	go c.readReports(receiver, track)
	for {
		packet, attributes, err := remote.ReadRTP()
		if err != nil {
			return
		}
		c.heard.Lock()
		track.take(packet, attributes.Get(webrtc.AttributeRtxSsrc) != nil)
		c.heard.Unlock()
	}
}

func (t *received) take(packet *rtp.Packet, again bool) {
	if t.packets == 0 {
		t.first = int64(packet.SequenceNumber)
		t.last = t.first - 1
	}
	// The number nearest to the last one, so that it goes on when sixteen bits wrap.
	step := int64(int16(packet.SequenceNumber - uint16(t.last)))
	number := t.last + step
	if again {
		t.takeAgain(number)
		return
	}
	switch {
	case step > sequenceJump || step < -sequenceJump:
		t.resets++
		t.last = number
	case step > 0:
		for gap := t.last + 1; gap < number; gap++ {
			t.missing[gap] = true
		}
		if t.packets > 0 && int32(packet.Timestamp-t.timestamp) < 0 {
			t.backwards++
		}
		t.last, t.timestamp = number, packet.Timestamp
	case t.missing[number]:
		t.late++
		delete(t.missing, number)
	default:
		t.doubled++
	}
	t.packets++
	t.pt = packet.PayloadType
	t.bytes += int64(len(packet.Payload))
	if packet.Marker {
		t.frames++
	}
	if len(t.payloads) < payloadsMax {
		t.payloads[fingerprint(packet.Payload)] = true
	}
	if t.record != nil {
		_ = t.record.WriteRTP(packet)
	}
}

func (t *received) takeAgain(number int64) {
	if t.missing[number] {
		t.repaired++
		delete(t.missing, number)
	} else {
		t.padding++
	}
}

func (c *client) readReports(receiver *webrtc.RTPReceiver, track *received) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if report, ok := packet.(*rtcp.SenderReport); ok && report.SSRC == track.ssrc {
				c.heard.Lock()
				track.reports++
				track.counted = report.PacketCount
				track.line.take(report)
				c.heard.Unlock()
			}
		}
	}
}

// The line of wall clock against RTP time that sender reports draw.
type line struct {
	clock float64
	first bool
	// RTP time of the last report, and ticks since the first.
	last  uint32
	ticks int64
	start float64
	least float64
	most  float64
}

func (l *line) take(report *rtcp.SenderReport) {
	// Before its first packet a stream is reported as empty.
	if report.PacketCount == 0 {
		return
	}
	seconds := float64(report.NTPTime>>32) + float64(report.NTPTime&0xffffffff)/(1<<32)
	if !l.first {
		l.first, l.last, l.start = true, report.RTPTime, seconds
	}
	l.ticks += int64(int32(report.RTPTime - l.last))
	l.last = report.RTPTime
	offset := seconds - l.start - float64(l.ticks)/l.clock
	l.least, l.most = min(l.least, offset), max(l.most, offset)
}

// How far apart two reports put the same instant, in ms.
func (l *line) moved() float64 {
	return (l.most - l.least) * 1000
}

// How many different packets of each known file were heard.
func (t *received) recognised(known map[string][][]byte) map[string]int {
	counts := map[string]int{}
	for name, packets := range known {
		counts[name] = 0
		for _, packet := range packets {
			if t.payloads[fingerprint(packet)] {
				counts[name]++
			}
		}
	}
	return counts
}

func fingerprint(payload []byte) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write(payload)
	return hash.Sum64()
}

// Says everything that was counted.
func (c *client) report() {
	c.heard.Lock()
	defer c.heard.Unlock()
	tracks := []fields{}
	for _, t := range c.tracks {
		tracks = append(tracks, fields{
			"mid": t.mid, "kind": t.kind, "id": t.id, "ssrc": t.ssrc, "codec": t.codec, "pt": t.pt,
			"packets": t.packets, "missing": len(t.missing), "late": t.late, "doubled": t.doubled, "repaired": t.repaired, "padding": t.padding, "resets": t.resets, "backwards": t.backwards,
			"frames": t.frames, "bytes": t.bytes, "span": t.last - t.first + 1,
			"reports": t.reports, "counted": t.counted, "line_ms": t.line.moved(), "recognised": t.recognised(c.known),
		})
	}
	sent, asked := int64(0), int64(0)
	if c.voice != nil {
		sent = c.voice.sent.Load()
	}
	if c.screen != nil {
		asked = c.screen.asked.Load()
	}
	say("report", fields{"tracks": tracks, "sent": sent, "keyframes_asked": asked, "maps": c.maps, "log": c.logs.snapshot()})
}

func (c *client) closeRecords() {
	c.heard.Lock()
	defer c.heard.Unlock()
	for _, t := range c.tracks {
		if t.record != nil {
			_ = t.record.Close()
		}
	}
}
