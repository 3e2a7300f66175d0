//! The first way out: str0m's own send streams. Every packet is found by its SSRC's hash.

use str0m::Rtc;
use str0m::change::DirectApi;
use str0m::rtp::{ExtensionValues, RtpWrite, Ssrc};

use super::{Egress, EgressError, Packet};

/// Writes into the streams of one `Rtc`; drain it once after a batch.
pub(crate) struct RtcEgress<'a> {
    api: DirectApi<'a>,
}

impl<'a> RtcEgress<'a> {
    pub(crate) fn new(rtc: &'a mut Rtc) -> Self {
        Self {
            api: rtc.direct_api(),
        }
    }
}

impl Egress for RtcEgress<'_> {
    fn write(&mut self, ssrc: Ssrc, packet: &Packet<'_>) -> Result<(), EgressError> {
        let stream = self.api.stream_tx(&ssrc).ok_or(EgressError::NoStream)?;
        let mut write = RtpWrite::new(
            packet.pt,
            packet.index.into(),
            packet.timestamp,
            packet.captured,
            packet.payload.clone(),
        )
        .marker(packet.marker)
        .nackable(packet.nackable)
        .csrc(&[packet.csrc]);
        if let Some((level, voice)) = packet.level {
            write = write.ext_vals(ExtensionValues {
                audio_level: Some(level),
                voice_activity: Some(voice),
                ..Default::default()
            });
        }
        if let Some(patch) = packet.vp8 {
            write = write.vp8_patch(patch);
        }
        stream.write_rtp(write);
        Ok(())
    }
}
