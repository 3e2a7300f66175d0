//! Our streams that have sent nothing yet. The media stack knows of them only while a description is made or
//! read: it reports on each that it knows, again and again, with 32 KiB of memory for every such report, keeps
//! a ring of 4 KiB for each, and looks through all of them after everything that comes. And it reports on a
//! stream that it gets to know at once, so that the first report comes with the first packet.

use str0m::Rtc;
use str0m::media::Mid;
use str0m::rtp::Ssrc;

use super::peer::{Peer, PeerFault};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Unsent(Vec<Stream>);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) mid: Mid,
    pub(crate) ssrc: Ssrc,
    /// Of its retransmissions.
    pub(crate) rtx: Option<Ssrc>,
}

impl Unsent {
    /// A stream that was just negotiated.
    pub(crate) fn add(&mut self, stream: Stream, rtc: &mut Rtc) {
        rtc.direct_api().remove_stream_tx(stream.ssrc);
        self.0.push(stream);
    }

    fn declare_all(&self, rtc: &mut Rtc) {
        for stream in &self.0 {
            stream.declare(rtc);
        }
    }

    fn remove_all(&self, rtc: &mut Rtc) {
        for stream in &self.0 {
            rtc.direct_api().remove_stream_tx(stream.ssrc);
        }
    }
}

impl Stream {
    fn declare(&self, rtc: &mut Rtc) {
        // A line may be gone for good: refused, and its place in the descriptions taken by another.
        if rtc.media(self.mid).is_some() {
            let mut api = rtc.direct_api();
            api.declare_stream_tx(self.ssrc, self.rtx, self.mid, None);
        }
    }
}

impl Peer {
    /// Runs `work`, which makes or reads a description, as [`Self::guard`] does. All streams are there
    /// meanwhile: for a line without one the media stack would make up another.
    pub(crate) fn negotiate<T>(
        &mut self,
        work: impl FnOnce(&mut Rtc) -> T,
    ) -> Result<T, PeerFault> {
        let unsent = std::mem::take(&mut self.unsent);
        let done = self.guard(|rtc| {
            unsent.declare_all(rtc);
            let done = work(rtc);
            unsent.remove_all(rtc);
            done
        });
        self.unsent = unsent;
        done
    }

    /// A stream sends, from now on. The media stack has something to do then: to report on it.
    pub(crate) fn begin(&mut self, ssrc: Ssrc) -> Result<(), PeerFault> {
        let unsent = &mut self.unsent.0;
        let Some(at) = unsent.iter().position(|stream| stream.ssrc == ssrc) else {
            return Ok(());
        };
        let stream = unsent.swap_remove(at);
        self.guard(|rtc| stream.declare(rtc))
    }
}
