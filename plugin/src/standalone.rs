//! The page of a window that holds a call and nothing else, as the desktop app opens it: a frame for the
//! script in the bundle's `public` folder. It is the same for everybody and knows no call; the script asks
//! the user before it joins one, unless it was this site that opened the window.

use crate::Guest;
use crate::env::HttpResponse;

/// Scripts and requests of this site only, in no frame of anybody, and no handle on the window for a page of
/// another site that opened it. The larger view's window, opened from it, has to reach it.
const HEADERS: [(&str, &str); 7] = [
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         media-src 'self' blob:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin-allow-popups"),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-cache"),
];

impl Guest<'_> {
    /// Answers `GET /standalone/widget.html`.
    pub(crate) fn standalone_page(&self) -> HttpResponse {
        // Browsers keep the script: its address changes with its version.
        let version = self.env.plugin_version();
        let version: String = version
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || ".-+".contains(*c))
            .collect();
        let body = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Call</title>\n\
             <script src=\"../public/standalone.js?v={version}\" defer></script>\n\
             </head>\n<body></body>\n</html>\n"
        );
        HttpResponse {
            status: 200,
            headers: HEADERS
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: body.into_bytes(),
        }
    }
}
