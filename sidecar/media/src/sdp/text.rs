//! Lines of a description. Each of the ways of reading one goes through all of it, and std's search for a
//! character costs more than what most of them do with a line.

/// As `split_inclusive('\n')`.
pub fn lines_with_ends(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = line_feed(rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        // A line feed is a character of its own in UTF-8: this never cuts one.
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

/// Where the first line feed is. Blocks are looked at whole, which the compiler does in a few instructions.
fn line_feed(bytes: &[u8]) -> Option<usize> {
    let (blocks, _) = bytes.as_chunks::<16>();
    let without = |block: &&[u8; 16]| !block.iter().fold(false, |has, byte| has | (*byte == b'\n'));
    let start = blocks.iter().take_while(without).count() * 16;
    let rest = bytes.get(start..)?;
    let at = rest.iter().position(|byte| *byte == b'\n')?;
    Some(start + at)
}

/// Without `\n` or `\r\n`.
pub(super) fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Lines without their ends; empty ones are left out.
pub(super) fn lines(sdp: &str) -> impl Iterator<Item = &str> {
    lines_with_ends(sdp)
        .map(without_end)
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_are_those_of_std(text in "[aä\r\n]{0,20}a{0,40}[aä\r\n]{0,20}") {
            let ours: Vec<_> = lines_with_ends(&text).collect();
            prop_assert_eq!(ours, text.split_inclusive('\n').collect::<Vec<_>>());
            let std = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
            let std: Vec<_> = std.filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(lines(&text).collect::<Vec<_>>(), std);
        }
    }
}
