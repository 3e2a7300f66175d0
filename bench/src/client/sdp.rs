//! What a browser would answer and str0m would not: receive-only on the server's audio slots but one.

/// Turns `sendrecv` into `sendonly` in all audio sections of a server's offer but `keep`, so that the answer is
/// `recvonly`: a browser sends only where it has a track.
pub(super) fn receive_only(offer: &str, keep: Option<&str>) -> String {
    let mut sections: Vec<Vec<&str>> = vec![Vec::new()];
    for line in offer.lines() {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    let mut out = String::with_capacity(offer.len());
    for section in sections {
        let munged =
            section.first().is_some_and(|m| m.starts_with("m=audio")) && mid_of(&section) != keep;
        for line in section {
            out.push_str(if munged && line == "a=sendrecv" {
                "a=sendonly"
            } else {
                line
            });
            out.push_str("\r\n");
        }
    }
    out
}

fn mid_of<'a>(section: &[&'a str]) -> Option<&'a str> {
    section.iter().find_map(|line| line.strip_prefix("a=mid:"))
}

/// The first audio section of an offer that asks us to send too.
pub(super) fn first_sendrecv_audio(offer: &str) -> Option<String> {
    let mut audio = false;
    let mut mid = None;
    for line in offer.lines() {
        if line.starts_with("m=") {
            audio = line.starts_with("m=audio");
            mid = None;
        } else if let Some(name) = line.strip_prefix("a=mid:") {
            mid = Some(name.to_owned());
        }
        if audio && line == "a=sendrecv" && mid.is_some() {
            return mid;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\nm=application 9 x\r\na=mid:0\r\nm=audio 9 x\r\na=mid:1\r\na=sendrecv\r\n\
                         m=audio 9 x\r\na=mid:2\r\na=sendrecv\r\nm=video 9 x\r\na=mid:3\r\na=sendonly\r\n";

    #[test]
    fn only_the_kept_section_stays_two_way() {
        assert_eq!(first_sendrecv_audio(OFFER).as_deref(), Some("1"));
        assert_eq!(
            receive_only(OFFER, Some("1")).matches("a=sendrecv").count(),
            1
        );
        assert_eq!(receive_only(OFFER, None).matches("a=sendrecv").count(), 0);
        assert_eq!(
            receive_only(OFFER, None).lines().count(),
            OFFER.lines().count()
        );
    }
}
