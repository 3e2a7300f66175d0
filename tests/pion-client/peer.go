package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pion/dtls/v3"
	"github.com/pion/webrtc/v4"
)

var profiles = map[string]dtls.SRTPProtectionProfile{
	"gcm256": dtls.SRTP_AEAD_AES_256_GCM,
	"gcm128": dtls.SRTP_AEAD_AES_128_GCM,
	"sha1":   dtls.SRTP_AES128_CM_HMAC_SHA1_80,
}

func (c *client) newConnection() (*webrtc.PeerConnection, error) {
	settings := webrtc.SettingEngine{LoggerFactory: c.logs}
	// Tests run on one machine.
	settings.SetIncludeLoopbackCandidate(true)
	if c.options.profiles != "" {
		var offered []dtls.SRTPProtectionProfile
		for _, name := range strings.Split(c.options.profiles, ",") {
			profile, known := profiles[name]
			if !known {
				return nil, fmt.Errorf("no such SRTP profile: %s", name)
			}
			offered = append(offered, profile)
		}
		settings.SetSRTPProtectionProfiles(offered...)
	}
	if c.options.opusType == 0 {
		// All codecs of Pion are offered: H264, VP9, AV1, RTX. The answer chooses.
		return webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	}
	engine, err := c.otherTypes()
	if err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine))
	return api.NewPeerConnection(webrtc.Configuration{})
}

// The codecs of a call under payload types of another client's taste, such as Firefox's 109 and 120.
func (c *client) otherTypes() (*webrtc.MediaEngine, error) {
	engine := &webrtc.MediaEngine{}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
	vp8 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}}
	err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: webrtc.PayloadType(c.options.opusType)}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return nil, err
	}
	err = engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: vp8, PayloadType: webrtc.PayloadType(c.options.vp8Type)}, webrtc.RTPCodecTypeVideo)
	return engine, err
}

// The candidates again as text, as browsers send them, then their end in two ways.
func (c *client) repeatCandidates() error {
	texts := append(c.candidates, `{"candidate":"","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":null}`)
	for _, text := range texts {
		if err := c.act("ice", map[string]any{"data": text}); err != nil {
			return err
		}
	}
	return c.act("ice", map[string]any{"data": nil})
}

// After the server took the join: connection, data channel, and with it the first offer.
func (c *client) connectMedia() error {
	pc, err := c.newConnection()
	if err != nil {
		return err
	}
	c.pc = pc
	pc.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate == nil {
			return
		}
		text, err := json.Marshal(candidate.ToJSON())
		if err == nil {
			c.candidates = append(c.candidates, string(text))
			// In a binary frame, unlike what browsers do.
			err = c.send("ice", map[string]any{"data": string(text)}, true)
		}
		if err != nil {
			say("ice_not_sent", fields{"why": err.Error()})
		}
	})
	pc.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		say("ice", fields{"state": state.String()})
		switch state {
		case webrtc.ICEConnectionStateConnected:
			// The Go client counts as connected here, before DTLS.
			close(c.connected)
		case webrtc.ICEConnectionStateFailed:
			c.fail(errors.New("ICE failed"))
		}
	})
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		say("connection", fields{"state": state.String()})
	})
	pc.OnTrack(c.listen)
	pc.OnNegotiationNeeded(func() {
		if err := c.offer(); err != nil {
			c.fail(fmt.Errorf("offer: %w", err))
		}
	})
	channel, err := pc.CreateDataChannel("calls-dc", nil)
	if err != nil {
		return err
	}
	c.dc = channel
	channel.OnOpen(func() {
		say("channel_open", nil)
		close(c.opened)
	})
	channel.OnMessage(func(message webrtc.DataChannelMessage) {
		if err := c.handleMessage(message); err != nil {
			c.fail(fmt.Errorf("channel: %w", err))
		}
	})
	return nil
}

func (c *client) offer() error {
	c.signaling.Lock()
	defer c.signaling.Unlock()
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := c.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	say("offer", fields{"lines": strings.Count(offer.SDP, "\nm="), "codecs": strings.Count(offer.SDP, "a=rtpmap:")})
	return c.sendDescription(offer)
}

// By the socket until the data channel is open, and ever after unless declared otherwise.
func (c *client) sendDescription(description webrtc.SessionDescription) error {
	if c.options.verbose {
		fmt.Fprintf(os.Stderr, "%s of ours:\n%s\n", description.Type, description.SDP)
	}
	data, err := deflate(description)
	if err != nil {
		return err
	}
	if c.options.dcSignaling && c.dc.ReadyState() == webrtc.DataChannelStateOpen {
		return c.channelSend(messageSDP, data)
	}
	return c.send("sdp", map[string]any{"data": data}, true)
}

// A description or candidate of the server.
func (c *client) handleSignal(text string) error {
	c.signaling.Lock()
	defer c.signaling.Unlock()
	var kind struct {
		Type      string                  `json:"type"`
		Candidate webrtc.ICECandidateInit `json:"candidate"`
	}
	if err := json.Unmarshal([]byte(text), &kind); err != nil {
		return err
	}
	var description webrtc.SessionDescription
	switch kind.Type {
	case "candidate":
		if c.pc.RemoteDescription() == nil {
			c.waiting = append(c.waiting, kind.Candidate)
			return nil
		}
		return c.pc.AddICECandidate(kind.Candidate)
	case "offer", "answer":
		if err := json.Unmarshal([]byte(text), &description); err != nil {
			return err
		}
	default:
		return fmt.Errorf("signal of type %q", kind.Type)
	}
	if c.options.verbose {
		fmt.Fprintf(os.Stderr, "%s of the server:\n%s\n", description.Type, description.SDP)
	}
	// Pion cannot roll back: an offer while ours is out is an error here, as it is in the Go client.
	if err := c.pc.SetRemoteDescription(description); err != nil {
		return fmt.Errorf("%s: %w", kind.Type, err)
	}
	for _, candidate := range c.waiting {
		if err := c.pc.AddICECandidate(candidate); err != nil {
			return err
		}
	}
	c.waiting = nil
	if description.Type == webrtc.SDPTypeAnswer {
		say("answered", nil)
		return c.unlockAfterAnswer()
	}
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	if err := c.pc.SetLocalDescription(answer); err != nil {
		return err
	}
	say("answer", fields{"lines": strings.Count(answer.SDP, "\nm=")})
	return c.sendDescription(answer)
}

// After every answer but the first the lock is given back, whether or not it was taken.
func (c *client) unlockAfterAnswer() error {
	if !c.answered {
		c.answered = true
		return nil
	}
	return c.channelSend(messageUnlock)
}
