//! What a log filter may be, for host and sidecar alike.

/// Levels of a filter, the quietest first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The first directive of `filter` that is a bare word but no level; `None` = there is none.
///
/// `tracing` takes such a word for a part of the program of which everything is logged, so that a misspelt
/// level silences all the rest. Everything else is left to its own parser.
#[must_use]
pub fn misspelt_level(filter: &str) -> Option<&str> {
    let bare =
        |directive: &&str| !directive.is_empty() && !directive.contains(['=', '[', ']', '{', '}']);
    filter.split(',').map(str::trim).filter(bare).find(|word| {
        !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) && word.parse::<u8>().is_err()
    })
}

/// For whoever is told of it.
#[must_use]
pub fn misspelt_level_reason(word: &str) -> String {
    format!(
        "`{word}` is no level ({}); one part's level is set by part=level",
        LEVELS.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_found() {
        for fine in [
            "info",
            "WARN",
            "debug, a::b=trace",
            "a[span{x,y}]=info",
            "",
            "off",
            "3",
        ] {
            assert_eq!(misspelt_level(fine), None, "{fine}");
        }
        assert_eq!(misspelt_level("blub"), Some("blub"));
        assert_eq!(misspelt_level("a=info, inof"), Some("inof"));
    }
}
