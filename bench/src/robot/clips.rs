//! The robot's tune and picture, encoded once: `ffmpeg -f lavfi -i sine… -c:a libopus -frame_duration 20 robot.ogg`
//! and `ffmpeg -f lavfi -i testsrc2=size=320x240:rate=10:duration=4 -c:v libvpx -g 40 robot.ivf`.

use std::io::Cursor;

use anyhow::Context as _;
use ogg::PacketReader;

static TUNE: &[u8] = include_bytes!("../../assets/robot.ogg");
static PICTURE: &[u8] = include_bytes!("../../assets/robot.ivf");

/// Pictures per second of the clip.
pub(super) const PICTURES_PER_SECOND: u32 = 10;
/// IVF: bytes of the file's and of each frame's header.
const IVF_FILE_HEADER: usize = 32;
const IVF_FRAME_HEADER: usize = 12;

/// Opus packets of 20 ms.
pub(super) fn tune() -> anyhow::Result<Vec<Vec<u8>>> {
    let mut reader = PacketReader::new(Cursor::new(TUNE));
    let mut packets = Vec::new();
    while let Some(packet) = reader.read_packet().context("robot.ogg")? {
        packets.push(packet.data);
    }
    // RFC 7845 section 3: the first two packets are headers.
    packets.drain(..2.min(packets.len()));
    anyhow::ensure!(!packets.is_empty(), "robot.ogg has no sound");
    Ok(packets)
}

/// VP8 frames; the first is the only key frame.
pub(super) fn pictures() -> anyhow::Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    let mut rest = PICTURE
        .get(IVF_FILE_HEADER..)
        .context("robot.ivf is cut off")?;
    while let Some(length) = rest.first_chunk::<4>() {
        let end = IVF_FRAME_HEADER + u32::from_le_bytes(*length) as usize;
        frames.push(
            rest.get(IVF_FRAME_HEADER..end)
                .context("robot.ivf is cut off")?
                .to_vec(),
        );
        rest = &rest[end..];
    }
    anyhow::ensure!(!frames.is_empty(), "robot.ivf has no picture");
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clips_are_whole() {
        // 3 s of notes and 1 s of silence; 4 s of pictures.
        assert!((195..=205).contains(&tune().unwrap().len()));
        let pictures = pictures().unwrap();
        assert_eq!(pictures.len(), 40);
        // RFC 6386 section 9.1: bit 0 clear = key frame.
        let keys: Vec<usize> = (0..40).filter(|i| pictures[*i][0] & 1 == 0).collect();
        assert_eq!(keys, [0]);
    }
}
