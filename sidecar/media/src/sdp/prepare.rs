//! Changes to a client's description before str0m sees it.

use super::sections::Direction;
use super::text::lines;

/// Drops `a=candidate` and `a=end-of-candidates` (the server probes only addresses that passed an
/// authenticated check), and in media sections whose mid is not in `own_mids` makes `sendrecv` (also when
/// it is only implied) `sendonly` and `recvonly` `inactive`, so that the answer does not send on a
/// client's own m-line.
///
/// str0m sends wherever it may; the client would then fire a track that nobody sends: at once, or when it
/// takes its own track away, which turns `sendrecv` into `recvonly`.
pub fn prepare_offer(sdp: &str, own_mids: &[&str]) -> String {
    let mut output = String::with_capacity(sdp.len() + 64);
    let mut session_direction = None;
    for (index, section) in split(sdp).into_iter().enumerate() {
        let direction = section.iter().find_map(|line| direction_of(line));
        if index == 0 {
            session_direction = direction;
            push_all(&mut output, &section);
            continue;
        }
        let is_media = section[0].starts_with("m=audio") || section[0].starts_with("m=video");
        let mid = section.iter().find_map(|line| line.strip_prefix("a=mid:"));
        let is_own = mid.is_some_and(|mid| own_mids.contains(&mid.trim()));
        let effective = direction
            .or(session_direction)
            .unwrap_or(Direction::SendRecv);
        let allowed = match effective {
            Direction::SendRecv => "a=sendonly",
            Direction::RecvOnly => "a=inactive",
            Direction::SendOnly | Direction::Inactive => "",
        };
        if is_own || !is_media || allowed.is_empty() {
            push_all(&mut output, &section);
            continue;
        }
        let kept: Vec<&str> = section
            .iter()
            .filter(|line| direction_of(line).is_none())
            .copied()
            .collect();
        push_all(&mut output, &kept);
        push_all(&mut output, &[allowed]);
    }
    output
}

/// Lines by section, without candidates; the session's own part is the first.
fn split(sdp: &str) -> Vec<Vec<&str>> {
    let mut sections = vec![Vec::new()];
    for line in lines(sdp) {
        if line.starts_with("a=candidate") || line.starts_with("a=end-of-candidates") {
            continue;
        }
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(last) = sections.last_mut() {
            last.push(line);
        }
    }
    sections
}

fn direction_of(line: &str) -> Option<Direction> {
    Direction::parse(line.strip_prefix("a=")?)
}

fn push_all(output: &mut String, lines: &[&str]) {
    for line in lines {
        output.push_str(line);
        output.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{CHROMIUM_MIC, section};
    use super::super::sections;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn candidates_go_and_nothing_else() {
        let with = "v=0\r\nm=audio 9 X 1\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\na=mid:0\r\na=end-of-candidates\r\n";
        assert_eq!(
            prepare_offer(with, &["0"]),
            "v=0\r\nm=audio 9 X 1\r\na=mid:0\r\n"
        );
        assert_eq!(prepare_offer(CHROMIUM_MIC, &["1", "2"]), CHROMIUM_MIC);
    }

    #[test]
    fn nothing_is_to_be_sent_on_the_clients_own_sections() {
        let sdp = [
            "v=0\r\n".to_owned(),
            section("audio", "own", "a=sendrecv\r\n"),
            section("audio", "mic", "a=sendrecv\r\n"),
            section("video", "cam", ""),
            section("video", "stopped", "a=recvonly\r\n"),
            section("video", "down", "a=recvonly\r\n"),
            section("application", "dc", ""),
        ]
        .concat();
        let prepared = prepare_offer(&sdp, &["own", "down"]);
        let directions: Vec<_> = sections(&prepared).iter().map(|s| s.direction).collect();
        use Direction::*;
        assert_eq!(
            directions,
            [SendRecv, SendOnly, SendOnly, Inactive, RecvOnly, SendRecv]
        );
        assert!(
            !prepared
                .split("m=application")
                .nth(1)
                .unwrap()
                .contains("sendonly")
        );
    }

    #[test]
    fn a_direction_of_the_session_counts() {
        let sdp = [
            "v=0\r\na=recvonly\r\n".to_owned(),
            section("audio", "mic", ""),
        ]
        .concat();
        assert!(prepare_offer(&sdp, &[]).ends_with("a=inactive\r\n"));
        assert_eq!(prepare_offer(&sdp, &["mic"]), sdp);
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_preparing_twice_changes_nothing(text in "[a-z=:\r\n /0-9]{0,200}") {
            let once = prepare_offer(&text, &["0"]);
            prop_assert_eq!(prepare_offer(&once, &["0"]), once);
        }
    }
}
