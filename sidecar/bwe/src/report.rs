//! A viewer's report: which packets came, and when.
//! [Section 3.1](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01#section-3.1).

/// Base sequence number, status count, reference time and report count.
const HEAD: usize = 8;
/// A run has 13 bits for its length.
const RUN_LENGTH: u16 = 0x1fff;
/// One-bit symbols in a vector chunk.
const SYMBOLS_SHORT: u16 = 14;
/// Two-bit symbols in a vector chunk.
const SYMBOLS_LONG: u16 = 7;

/// A report that cannot be read: whoever made it is wrong about the format, or cut it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than what precedes its chunks.
    #[error("a report of {0} bytes")]
    TooShort(usize),
    /// It reports on no packet.
    #[error("a report on nothing")]
    Empty,
    /// Its chunks end before all packets have a status.
    #[error("statuses end before all packets have one")]
    ChunksEnd,
    /// The status that the draft reserves.
    #[error("a reserved status")]
    Reserved,
    /// Fewer receive times than packets that came.
    #[error("receive times end before all packets that came have one")]
    DeltasEnd,
}

/// The statuses of consecutive packets that share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// This many did not come.
    Lost(u16),
    /// One came so long after the one before it, or after the reference time, in 250 µs.
    Came(i16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Lost,
    Small,
    Large,
}

impl Symbol {
    fn parse(bits: u16) -> Result<Self, Malformed> {
        match bits & 0b11 {
            0 => Ok(Self::Lost),
            1 => Ok(Self::Small),
            2 => Ok(Self::Large),
            _ => Err(Malformed::Reserved),
        }
    }

    fn delta_bytes(self) -> usize {
        match self {
            Self::Lost => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }
}

/// A report that was found to be whole; reading it allocates nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    /// The first packet it tells of.
    pub(crate) base: u16,
    /// How many packets it tells of.
    pub(crate) count: u16,
    /// 24 bits, of 64 ms each.
    pub(crate) reference: u32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> Report<'a> {
    /// Reads the feedback control information of an RTPFB packet with FMT 15; padding may follow.
    ///
    /// # Errors
    /// See [`Malformed`]. Nothing of such a report should be used.
    pub(crate) fn parse(fci: &'a [u8]) -> Result<Self, Malformed> {
        let Some((head, rest)) = fci.split_first_chunk::<HEAD>() else {
            return Err(Malformed::TooShort(fci.len()));
        };
        let count = u16::from_be_bytes([head[2], head[3]]);
        if count == 0 {
            return Err(Malformed::Empty);
        }
        let mut todo = count;
        let mut used = 0;
        let mut deltas = 0;
        while todo > 0 {
            let chunk = rest
                .get(used..)
                .and_then(|left| left.first_chunk::<2>())
                .ok_or(Malformed::ChunksEnd)?;
            used += 2;
            let mut symbols = Symbols::new(u16::from_be_bytes(*chunk), todo)?;
            todo -= symbols.left;
            while let Some((symbol, times)) = symbols.next_run()? {
                deltas += symbol.delta_bytes() * usize::from(times);
            }
        }
        let (chunks, rest) = rest.split_at(used);
        Ok(Self {
            base: u16::from_be_bytes([head[0], head[1]]),
            count,
            reference: u32::from_be_bytes([0, head[4], head[5], head[6]]),
            chunks,
            deltas: rest.get(..deltas).ok_or(Malformed::DeltasEnd)?,
        })
    }

    /// The packets from `base` on.
    pub(crate) fn statuses(&self) -> Statuses<'a> {
        Statuses {
            todo: self.count,
            chunks: self.chunks,
            deltas: self.deltas,
            symbols: None,
            run: None,
        }
    }
}

/// What is left of a chunk.
#[derive(Debug, Clone, Copy)]
struct Symbols {
    kind: Kind,
    /// The next symbol is the highest.
    bits: u16,
    left: u16,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Run(Symbol),
    Short,
    Long,
}

impl Symbols {
    /// `todo`: how many packets have no status yet. What a chunk says beyond is filling.
    fn new(chunk: u16, todo: u16) -> Result<Self, Malformed> {
        let (kind, length, bits) = match chunk >> 14 {
            0 | 1 => (
                Kind::Run(Symbol::parse(chunk >> 13)?),
                chunk & RUN_LENGTH,
                0,
            ),
            2 => (Kind::Short, SYMBOLS_SHORT, chunk << 2),
            _ => (Kind::Long, SYMBOLS_LONG, chunk << 2),
        };
        Ok(Self {
            kind,
            bits,
            left: length.min(todo),
        })
    }

    /// The next symbol and how often it follows itself, as far as that is cheap to tell.
    fn next_run(&mut self) -> Result<Option<(Symbol, u16)>, Malformed> {
        if self.left == 0 {
            return Ok(None);
        }
        let (symbol, times) = match self.kind {
            Kind::Run(symbol) => (symbol, self.left),
            Kind::Short => {
                let symbol = Symbol::parse(self.bits >> 15)?;
                self.bits <<= 1;
                (symbol, 1)
            }
            Kind::Long => {
                let symbol = Symbol::parse(self.bits >> 14)?;
                self.bits <<= 2;
                (symbol, 1)
            }
        };
        self.left -= times;
        Ok(Some((symbol, times)))
    }
}

/// See [`Report::statuses`].
#[derive(Debug, Clone)]
pub(crate) struct Statuses<'a> {
    todo: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
    symbols: Option<Symbols>,
    run: Option<(Symbol, u16)>,
}

impl Statuses<'_> {
    /// None as well where `parse` would have refused: it was asked before.
    fn next_run(&mut self) -> Option<(Symbol, u16)> {
        if let Some(run) = self.run.take() {
            return Some(run);
        }
        loop {
            if let Some(symbols) = &mut self.symbols
                && let Some(run) = symbols.next_run().ok()?
            {
                return Some(run);
            }
            if self.todo == 0 {
                return None;
            }
            let (chunk, rest) = self.chunks.split_first_chunk::<2>()?;
            self.chunks = rest;
            let symbols = Symbols::new(u16::from_be_bytes(*chunk), self.todo).ok()?;
            self.todo -= symbols.left;
            self.symbols = Some(symbols);
        }
    }
}

impl Iterator for Statuses<'_> {
    type Item = Status;

    fn next(&mut self) -> Option<Status> {
        let (symbol, times) = self.next_run()?;
        if symbol == Symbol::Lost {
            return Some(Status::Lost(times));
        }
        if times > 1 {
            self.run = Some((symbol, times - 1));
        }
        if symbol == Symbol::Small {
            let (delta, rest) = self.deltas.split_first()?;
            self.deltas = rest;
            return Some(Status::Came(i16::from(*delta)));
        }
        let (delta, rest) = self.deltas.split_first_chunk::<2>()?;
        self.deltas = rest;
        Some(Status::Came(i16::from_be_bytes(*delta)))
    }
}

#[cfg(test)]
mod tests;
