//! Tells the kernel which shard a client's datagrams are for, so that they need not be handed over.
//!
//! The kernel spreads 5-tuples over the shards' sockets by a hash. Where a session lives elsewhere than its
//! datagrams arrive, its shard learns that with the first signed check ([`TupleNews`]), and notes it here;
//! once a second the notes become a program that the kernel asks first. It knows the low half of a client's
//! address and its port. What it does not know goes by the hash as before, and what goes wrong is handed over.
//!
//! A note is made of proven tuples alone, and ends with its session: strangers steer nothing.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use parley_core::api::TupleNews;

use super::sockets::{MediaSocket, MediaSockets};
use super::steer::{INSTRUCTIONS_MAX, Instruction, attach};

/// Notes that are kept; what comes from clients beyond is handed over.
const NOTES_MAX: usize = 8 * 1024;
/// Instructions for a client, and for all.
const PER_CLIENT: usize = 5;
const FOR_ALL: usize = 9;
const CLIENTS_MAX: usize = (INSTRUCTIONS_MAX - FOR_ALL) / PER_CLIENT;

/// See the module. Shared by all shards; locked when a client comes or goes, never for a packet.
#[derive(Debug)]
pub(super) struct Signposts(Mutex<Notes>);

#[derive(Debug)]
struct Notes {
    /// Both ends of a tuple, and the shard that it is for.
    shards: HashMap<(SocketAddr, SocketAddr), u8>,
    /// The kernel's program is older than these.
    stale: bool,
    /// Clients that the kernel takes in one program; none where it takes no program at all.
    clients_max: usize,
}

impl Default for Signposts {
    fn default() -> Self {
        Self(Mutex::new(Notes {
            shards: HashMap::new(),
            stale: false,
            clients_max: CLIENTS_MAX,
        }))
    }
}

impl Signposts {
    /// What `shard` tells another one of a tuple that arrives there.
    pub(super) fn note(&self, shard: u8, news: &TupleNews) {
        let mut notes = self.lock();
        let tuple = (news.local, news.remote);
        let before = notes.shards.get(&tuple).copied();
        if news.is_theirs {
            if before != Some(shard) && (before.is_some() || notes.shards.len() < NOTES_MAX) {
                notes.shards.insert(tuple, shard);
                notes.stale = true;
            }
        } else if before == Some(shard) {
            notes.shards.remove(&tuple);
            notes.stale = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the kernel what was noted since the last call. `sockets`: of any one shard.
    pub(super) fn renew(&self, sockets: &MediaSockets) {
        let mut notes = self.lock();
        let mut most = notes.clients_max;
        if !notes.stale || most == 0 {
            return;
        }
        notes.stale = false;
        let clients_of = |media: &MediaSocket| clients(&notes.shards, media.advertised);
        let clients: Vec<_> = sockets.sockets.iter().map(clients_of).collect();
        // It takes up to a millisecond, in which others may have something to note.
        drop(notes);
        for (media, clients) in sockets.sockets.iter().zip(&clients) {
            let local = media.advertised.ip();
            match attach_some(media.socket.as_fd(), local, clients, most) {
                Ok(taken) => most = taken,
                Err(error) => {
                    tracing::info!(%error, "the kernel is not told where clients' datagrams go");
                    most = 0;
                    break;
                }
            }
        }
        self.lock().clients_max = most;
    }
}

/// What a program tells clients apart by, and their shards. Who cannot be told apart is left out.
fn clients(shards: &HashMap<(SocketAddr, SocketAddr), u8>, local: SocketAddr) -> BTreeMap<u32, u8> {
    let mut clients: BTreeMap<u32, Option<u8>> = BTreeMap::new();
    for ((_, remote), shard) in shards.iter().filter(|((at, _), _)| *at == local) {
        let entry = clients.entry(key(*remote)).or_insert(Some(*shard));
        if *entry != Some(*shard) {
            *entry = None;
        }
    }
    let clients = clients.into_iter();
    clients
        .filter_map(|(key, shard)| Some((key, shard?)))
        .collect()
}

/// The low 16 bits of the address above the port.
fn key(remote: SocketAddr) -> u32 {
    let low = match remote.ip() {
        IpAddr::V4(ip) => ip.to_bits() as u16,
        IpAddr::V6(ip) => ip.to_bits() as u16,
    };
    u32::from(low) << 16 | u32::from(remote.port())
}

/// As many of the clients as the kernel takes, `most` at most: it bounds the memory of a program
/// (`net.core.optmem_max`). Says how many those may be.
fn attach_some(
    socket: BorrowedFd<'_>,
    local: IpAddr,
    clients: &BTreeMap<u32, u8>,
    most: usize,
) -> io::Result<usize> {
    let mut most = most;
    loop {
        let clients: Vec<(u32, u8)> = clients.iter().take(most).map(|(k, s)| (*k, *s)).collect();
        match attach(socket, &program(local, &clients)) {
            Ok(()) => return Ok(most),
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && clients.len() > 1 => {
                most = clients.len() * 7 / 8;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Returns the shard of a datagram from one of `clients`, which are in order, and [`BY_HASH`] for all others.
fn program(local: IpAddr, clients: &[(u32, u8)]) -> Vec<Instruction> {
    // Where the header of the network layer has what: its first byte and that byte's value without options
    // (the upper half of it in IPv6), the low half of the source address, the source port behind it.
    let (first, expected, source, port) = match local {
        IpAddr::V4(_) => (0, 0x45, 14, 20),
        // What it carries: UDP, and no extension before it.
        IpAddr::V6(_) => (6, 17, 22, 40),
    };
    let mut program = vec![
        plain(LOAD_BYTE, NETWORK + first),
        Instruction {
            code: JUMP_EQUAL,
            jump_true: 1,
            jump_false: 0,
            k: expected,
        },
        plain(RETURN, BY_HASH),
        plain(LOAD_HALF, NETWORK + source),
        plain(SHIFT_LEFT, 16),
        plain(COPY_TO_X, 0),
        plain(LOAD_HALF, NETWORK + port),
        plain(OR_X, 0),
    ];
    search(clients, &mut program);
    program
}

/// Appends a search for the accumulator's value.
fn search(clients: &[(u32, u8)], program: &mut Vec<Instruction>) {
    match clients {
        [] => program.push(plain(RETURN, BY_HASH)),
        [(key, shard)] => program.extend([
            Instruction {
                code: JUMP_EQUAL,
                jump_true: 0,
                jump_false: 1,
                k: *key,
            },
            plain(RETURN, (*shard).into()),
            plain(RETURN, BY_HASH),
        ]),
        _ => {
            let (lower, upper) = clients.split_at(clients.len() / 2);
            program.push(Instruction {
                code: JUMP_NOT_LESS,
                jump_true: 0,
                jump_false: 1,
                k: upper[0].0,
            });
            // A conditional jump reaches 255 instructions, this one all.
            let jump = program.len();
            program.push(plain(JUMP, 0));
            search(lower, program);
            program[jump].k = (program.len() - jump - 1) as u32;
            search(upper, program);
        }
    }
}

fn plain(code: u32, k: u32) -> Instruction {
    Instruction {
        code: code as u16,
        jump_true: 0,
        jump_false: 0,
        k,
    }
}

/// No socket's place.
const BY_HASH: u32 = u32::MAX;
/// Offsets from here on are into the header of the network layer.
const NETWORK: u32 = libc::SKF_NET_OFF.cast_unsigned();
const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const LOAD_HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
const SHIFT_LEFT: u32 = libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K;
const OR_X: u32 = libc::BPF_ALU | libc::BPF_OR | libc::BPF_X;
const COPY_TO_X: u32 = libc::BPF_MISC | libc::BPF_TAX;
const JUMP: u32 = libc::BPF_JMP | libc::BPF_JA;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_NOT_LESS: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

    use super::*;

    const SHARDS: usize = 3;

    fn sets() -> Vec<MediaSockets> {
        let loopback = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        MediaSockets::bind_sets(&loopback.map(Into::into), 0, false, SHARDS).unwrap()
    }

    /// Which shard hears this client.
    fn heard(sets: &[MediaSockets], at: usize, client: &UdpSocket) -> u8 {
        client.send_to(&[7], sets[0].advertised()[at]).unwrap();
        let mut buffer = [0; 8];
        let hears = |set: &&MediaSockets| {
            set.sockets[at]
                .socket
                .recv_from(&mut buffer.clone())
                .is_ok()
        };
        let heard: Vec<usize> = sets
            .iter()
            .enumerate()
            .filter(|(_, set)| hears(set))
            .map(|(shard, _)| shard)
            .collect();
        buffer.fill(0);
        assert_eq!(heard.len(), 1);
        heard[0] as u8
    }

    fn news(local: SocketAddr, remote: SocketAddr, is_theirs: bool) -> TupleNews {
        TupleNews {
            shard: 0,
            local,
            remote,
            is_theirs,
        }
    }

    #[test]
    fn datagrams_go_where_their_session_lives_until_it_ends() {
        let sets = sets();
        let signposts = Signposts::default();
        for at in 0..2 {
            let local = sets[0].advertised()[at];
            let clients: Vec<UdpSocket> = (0..100)
                .map(|_| UdpSocket::bind((local.ip(), 0)).unwrap())
                .collect();
            let before: Vec<u8> = clients.iter().map(|c| heard(&sets, at, c)).collect();
            let wanted = |n: usize| (before[n] + 1 + (n % 2) as u8) % SHARDS as u8;
            let tell = |n: usize, is_theirs| {
                let remote = clients[n].local_addr().unwrap();
                signposts.note(wanted(n), &news(local, remote, is_theirs));
            };
            // Not all of them: others go by the hash still.
            (0..90).for_each(|n| tell(n, true));
            assert_eq!(heard(&sets, at, &clients[0]), before[0], "not told yet");
            signposts.renew(&sets[1]);
            for n in 0..100 {
                let expected = if n < 90 { wanted(n) } else { before[n] };
                assert_eq!(heard(&sets, at, &clients[n]), expected, "{local} {n}");
            }
            // Another shard than theirs has no say.
            let remote = clients[1].local_addr().unwrap();
            signposts.note(before[1], &news(local, remote, false));
            (2..90).for_each(|n| tell(n, false));
            signposts.renew(&sets[0]);
            for n in 0..100 {
                let expected = if n < 2 { wanted(n) } else { before[n] };
                assert_eq!(heard(&sets, at, &clients[n]), expected, "{local} {n}");
            }
        }
    }

    #[test]
    fn a_program_has_no_more_clients_than_the_kernel_takes() {
        let sets = sets();
        let signposts = Signposts::default();
        let local = sets[0].advertised()[0];
        let client = UdpSocket::bind((local.ip(), 0)).unwrap();
        let remote = client.local_addr().unwrap();
        let wanted = (heard(&sets, 0, &client) + 1) % SHARDS as u8;
        for n in 1..=NOTES_MAX as u32 + 10 {
            let other = SocketAddr::from((Ipv4Addr::from_bits(0x0aff_0000 | n), remote.port()));
            signposts.note(1, &news(local, other, true));
        }
        assert_eq!(signposts.lock().shards.len(), NOTES_MAX);
        signposts.renew(&sets[0]);
        assert!(signposts.lock().clients_max > 100);
        // It is the first by its key.
        let first = SocketAddr::from((Ipv4Addr::from_bits(0x0aff_0001), remote.port()));
        signposts.note(1, &news(local, first, false));
        signposts.note(wanted, &news(local, remote, true));
        signposts.renew(&sets[0]);
        assert_eq!(heard(&sets, 0, &client), wanted);
    }

    #[test]
    fn who_cannot_be_told_apart_goes_by_the_hash() {
        let local = SocketAddr::from(([10, 0, 0, 1], 1));
        let remote = |text: &str| text.parse::<SocketAddr>().unwrap();
        let shards = [
            ("10.1.0.1:1000", 1),
            ("10.2.0.1:1000", 2),
            ("10.1.0.2:1000", 1),
            ("10.2.0.2:1000", 1),
            ("10.1.0.3:1000", 2),
        ];
        let shards = shards.map(|(at, shard)| ((local, remote(at)), shard));
        let clients = clients(&shards.into_iter().collect(), local);
        let expected = [(0x0002_03e8, 1), (0x0003_03e8, 2)];
        assert_eq!(clients.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_largest_program_fits() {
        let clients: Vec<(u32, u8)> = (0..CLIENTS_MAX as u32).map(|n| (n, 0)).collect();
        let length = program(Ipv4Addr::LOCALHOST.into(), &clients).len();
        assert!(length <= INSTRUCTIONS_MAX && length + PER_CLIENT + FOR_ALL > INSTRUCTIONS_MAX);
    }
}
