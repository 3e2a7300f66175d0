//! One log line for one trouble, however often it is met.

use std::time::Duration;

use tokio::time::Instant;

/// How often the same trouble is told.
const EVERY: Duration = Duration::from_secs(60);

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Complaint(Option<(String, Instant)>);

impl Complaint {
    /// Whether `trouble` is to be told now: it is another one, or a minute is over.
    pub(super) fn is_due(&mut self, trouble: &str) -> bool {
        let told = self.0.as_ref();
        if told.is_some_and(|(last, at)| last == trouble && at.elapsed() < EVERY) {
            return false;
        }
        self.0 = Some((trouble.to_owned(), Instant::now()));
        true
    }

    /// The trouble is over: its next time is news.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_trouble_is_told_once_a_minute() {
        let mut complaint = Complaint::default();
        assert!(complaint.is_due("port taken"));
        for _ in 0..59 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(!complaint.is_due("port taken"));
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(complaint.is_due("port taken"));
        assert!(complaint.is_due("disk full"), "another trouble is news");
        complaint.clear();
        assert!(complaint.is_due("disk full"), "so is one that came back");
    }
}
