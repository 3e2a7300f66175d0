//! SCTP packets made by hand, within a client's own association and DTLS.

use super::Sim;

/// Chunks of SCTP (RFC 9260 section 3.2).
pub const DATA: u8 = 0;
pub const INIT: u8 = 1;
pub const ABORT: u8 = 6;
pub const SHUTDOWN: u8 = 7;

impl Sim {
    /// A packet of one chunk with the verification tag of this client's association, CRC32c and all.
    pub fn sctp(&mut self, name: &str, kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let mut chunk = vec![kind, flags];
        chunk.extend((body.len() as u16 + 4).to_be_bytes());
        chunk.extend(body);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        self.sctp_of(name, &chunk)
    }

    /// The same with chunks as given.
    pub fn sctp_of(&mut self, name: &str, chunks: &[u8]) -> Vec<u8> {
        let sent = self.client(name).keys.sctp_packets();
        let mut packet = sent.last().expect("the channel is open")[..8].to_vec();
        packet.extend([0; 4]);
        packet.extend(chunks);
        let sum = crc32c(&packet).to_le_bytes();
        packet[8..12].copy_from_slice(&sum);
        packet
    }

    /// The number after that of the last DATA chunk this client's media stack sent.
    pub fn next_tsn(&mut self, name: &str) -> u32 {
        let sent = self.client(name).keys.sctp_packets();
        let data = sent.iter().rev().find(|packet| packet[12] == DATA);
        let tsn = data.expect("it opened its channel")[16..20].try_into();
        u32::from_be_bytes(tsn.unwrap()) + 1
    }

    /// Until everything that was to be sent within DTLS is sent.
    pub fn flush_dtls(&mut self, name: &str) {
        for _ in 0..1_000 {
            if self.client(name).keys.waiting() == 0 {
                break;
            }
            self.run_ms(1);
        }
    }
}

/// RFC 9260 appendix A.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = !0u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !sum
}
