//! The shared enums of `parley_media` as words in a file.

macro_rules! words {
    ($module:ident, $of:ident, $($variant:ident = $word:literal),+ $(,)?) => {
        pub(crate) mod $module {
            use parley_media::recording::$of;
            use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

            pub(crate) fn word(value: $of) -> &'static str {
                match value {
                    $($of::$variant => $word,)+
                }
            }

            pub(crate) fn parse(word: &str) -> Option<$of> {
                match word {
                    $($word => Some($of::$variant),)+
                    _ => None,
                }
            }

            pub(crate) fn serialize<S: Serializer>(
                value: &Option<$of>,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                match value {
                    Some(value) => to.serialize_some(word(*value)),
                    None => to.serialize_none(),
                }
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<Option<$of>, D::Error> {
                let Some(text) = Option::<String>::deserialize(from)? else {
                    return Ok(None);
                };
                parse(&text)
                    .map(Some)
                    .ok_or_else(|| D::Error::custom(concat!("unknown ", stringify!($of))))
            }
        }
    };
}

words!(
    end_reason,
    EndReason,
    Stopped = "stopped",
    Limit = "limit",
    CallEnded = "call_ended",
    Disk = "disk",
    Crash = "crash",
    Internal = "internal",
);
words!(
    trouble,
    Trouble,
    VideoDropped = "video_dropped",
    AudioDropped = "audio_dropped",
    AudioOnly = "audio_only",
    Stopped = "stopped",
);
