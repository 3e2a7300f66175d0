//! What must hold for any input: the body of the fuzz target, shared with the replay of its corpus.
//! Panics are findings.

use std::time::{Duration, Instant};

use parley_bwe::{Estimator, SentKind};

/// The input is a script: what is sent, how time passes, and which reports come, broken or about what
/// was sent. Estimates stay numbers, timers do not spin, what is asked for is bounded.
pub(crate) fn feedback(script: &[u8]) {
    let mut now = Instant::now();
    let mut estimator = Estimator::new(500_000);
    let mut sent = 0u16;
    let mut rest = script;
    while let Some((step, more)) = rest.split_first_chunk::<3>() {
        rest = more;
        let [what, a, b] = *step;
        let ab = u16::from_be_bytes([a, b]);
        match what % 8 {
            // A burst.
            0 => {
                for _ in 0..a {
                    sent = estimator
                        .sent(now, usize::from(b) * 6, SentKind::Media)
                        .wrapping_add(1);
                }
            }
            1 => now += Duration::from_micros(u64::from(ab) * 4),
            2 => now += Duration::from_millis(u64::from(ab) * 4),
            3 => estimator.set_target(now, u64::from(a) * 20_000, u64::from(b) * 40_000),
            4 if a == 0 => estimator.reset(now, u64::from(b) * 10_000),
            // A report in the script itself.
            4 => {
                let (report, more) = rest.split_at(rest.len().min(usize::from(b)));
                rest = more;
                let _ = estimator.feedback(now, report);
            }
            // One about the last packets: `a` of them with these times, which come from the script.
            _ => {
                let base = sent.wrapping_sub(u16::from(a));
                let count = u16::from(a).max(1);
                let long = what % 8 == 5;
                let symbol: u16 = if long { 2 } else { 1 };
                let mut report = base.to_be_bytes().to_vec();
                report.extend(count.to_be_bytes());
                report.extend([what >> 3, b, what ^ b, 0]);
                report.extend((symbol << 13 | count).to_be_bytes());
                let bytes = usize::from(count) * usize::from(symbol);
                report.extend(rest.iter().chain(std::iter::repeat(&b)).take(bytes));
                assert!(estimator.feedback(now, &report).is_ok());
            }
        }
        drive(&mut estimator, now, &mut sent);
    }
}

fn drive(estimator: &mut Estimator, now: Instant, sent: &mut u16) {
    if estimator.poll_timeout().is_some_and(|due| due <= now) {
        estimator.handle_timeout(now);
    }
    let mut asked = 0;
    while let Some(bytes) = estimator.poll_padding(now) {
        asked += 1;
        assert!(asked <= 2, "asked without end");
        assert!(bytes <= 4_000_000, "{bytes} bytes at once");
        for _ in 0..bytes.div_ceil(1_000).min(64) {
            let kind = SentKind::Padding;
            *sent = estimator.sent(now, bytes.min(1_000), kind).wrapping_add(1);
        }
    }
    if let Some(due) = estimator.poll_timeout() {
        assert!(due > now, "due again at once");
    }
    let _ = estimator.poll_estimate();
    assert!(
        estimator.estimate_bps() <= 10_000_000_000,
        "{}",
        estimator.estimate_bps()
    );
}
