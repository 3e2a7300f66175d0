//! The link to a channel's calls: valid for every call of the channel, harmless to follow.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::Guest;
use crate::access::{self, Action, Grant};
use crate::env::{Channel, ChannelKind, Env, HttpResponse, PlatformError};
use crate::ids::{ChannelId, UserId};
use crate::refusal::Refusal;
use crate::text::{Lang, Text};

/// The one link of a channel.
pub(crate) fn join_link(env: &dyn Env, channel: &ChannelId) -> String {
    format!("{}{}", env.site_url(), join_path(env, channel))
}

fn join_path(env: &dyn Env, channel: &ChannelId) -> String {
    format!("/plugins/{}/join/{channel}", env.plugin_id())
}

impl Guest<'_> {
    /// Answers `GET /join/{channel_id}`. Only ever leads to this site: nothing of the request but a
    /// checked channel id gets into an address.
    pub(crate) fn follow_link(
        &self,
        channel: Option<&ChannelId>,
        user: &UserId,
    ) -> Result<HttpResponse, Refusal> {
        // A malformed id has no login to offer either: the page tells nothing about it.
        let Some(channel) = channel else {
            return Ok(self.no_call_page(user));
        };
        if user.is_empty() {
            let site = self.env.site_url();
            let back = format!("{}{}", site_path(&site), join_path(self.env, channel));
            return Ok(see_other(&format!(
                "{site}/login?redirect_to={}",
                encode(&back)
            )));
        }
        match access::check(self.env, &self.settings, Action::Read, user, channel, false) {
            Ok(grant) => match self.channel_address(&grant)? {
                Some(address) => Ok(see_other(&address)),
                None => Ok(self.no_call_page(user)),
            },
            Err(Refusal::Unavailable) => Err(Refusal::Unavailable),
            // No permission, archived and unknown look the same.
            Err(_) => Ok(self.no_call_page(user)),
        }
    }

    /// Where the platform shows the channel; `None` = nowhere for this user.
    fn channel_address(&self, grant: &Grant) -> Result<Option<String>, PlatformError> {
        let (user, channel) = (&grant.user, &grant.channel);
        let team = if channel.team_id.is_empty() {
            self.env.teams_of_user(&user.id)?.into_iter().next()
        } else {
            match self.env.team(&channel.team_id) {
                Err(PlatformError::NotFound) => None,
                other => Some(other?),
            }
        };
        let Some(team) = team else { return Ok(None) };
        let place = match channel.kind {
            ChannelKind::Open | ChannelKind::Private => {
                format!("channels/{}", encode(channel.id.as_str()))
            }
            ChannelKind::Direct => {
                let other = self.env.user(&other_user(channel, &user.id))?;
                format!("messages/@{}", encode(&other.username))
            }
            ChannelKind::Group => format!("messages/{}", encode(&channel.name)),
        };
        let site = self.env.site_url();
        Ok(Some(format!(
            "{site}/{}/{place}?join_call=true",
            encode(&team.name)
        )))
    }

    fn no_call_page(&self, user: &UserId) -> HttpResponse {
        let lang = if user.is_empty() {
            Lang::En
        } else {
            self.lang(user)
        };
        let language = match lang {
            Lang::En => "en",
            Lang::De => "de",
        };
        let (title, text) = (Text::PageTitle.get(lang), Text::PageHint.get(lang));
        let body = format!(
            "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p>{text}</p>\n<p><a href=\"{home}\">{back}</a></p>\n\
             </main>\n</body>\n</html>\n",
            title = escape_html(title),
            text = escape_html(text),
            home = escape_html(&format!("{}/", self.env.site_url())),
            back = escape_html(Text::PageBack.get(lang)),
        );
        let style_hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style_hash}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        );
        HttpResponse {
            status: 404,
            headers: headers(&[
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Security-Policy", &policy),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cache-Control", "no-store"),
            ]),
            body: body.into_bytes(),
        }
    }
}

const STYLE: &str = ":root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;\
font:16px/1.5 \"Open Sans\",system-ui,sans-serif;background:#fff;color:#3f4350}\
main{max-width:28rem;padding:2rem;text-align:center}h1{font-size:1.5rem;margin:0 0 .5rem}\
a{color:#1c58d9}a:focus-visible{outline:2px solid currentColor;outline-offset:2px}\
@media (prefers-color-scheme:dark){body{background:#1b1d22;color:#e3e4e8}a{color:#7aa2f7}}";

fn see_other(address: &str) -> HttpResponse {
    HttpResponse {
        status: 303,
        headers: headers(&[
            ("Location", address),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
        ]),
        body: Vec::new(),
    }
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A direct channel's name is both user ids, joined by `__`; talking to oneself both are the same.
fn other_user(channel: &Channel, me: &UserId) -> UserId {
    let (a, b) = channel
        .name
        .split_once("__")
        .unwrap_or((me.as_str(), me.as_str()));
    UserId::new(if a == me.as_str() { b } else { a })
}

/// The path of a site's address, without a trailing slash: empty unless it has a sub-path.
fn site_path(site: &str) -> &str {
    let rest = site.split_once("://").map_or(site, |(_, rest)| rest);
    rest.find('/')
        .map_or("", |at| &rest[at..])
        .trim_end_matches('/')
}

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sub_path_of_the_site_is_found() {
        assert_eq!(site_path("https://chat.example.com"), "");
        assert_eq!(site_path("https://chat.example.com/sub/path"), "/sub/path");
        assert_eq!(site_path("http://localhost:8065/x/"), "/x");
    }

    #[test]
    fn addresses_and_html_cannot_be_broken_out_of() {
        assert_eq!(encode("/a b?c=d&e"), "%2Fa%20b%3Fc%3Dd%26e");
        assert_eq!(
            escape_html("<a href='\"&\">"),
            "&lt;a href=&#39;&quot;&amp;&quot;&gt;"
        );
    }
}
