//! Who asks: sessions from headers and cookies, CSRF, and the cookies themselves.

use std::sync::{Arc, PoisonError};

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::Local;
use super::error::{ApiError, ApiResult};
use super::hub::Drops;
use super::ids::{csrf_of, hash_token};
use super::limits;
use super::model::{Session, User};
use super::store::sessions;

pub(crate) const COOKIE_TOKEN: &str = "MMAUTHTOKEN";
pub(crate) const COOKIE_USER: &str = "MMUSERID";
pub(crate) const COOKIE_CSRF: &str = "MMCSRF";

/// A session token as presented.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// `Authorization: Bearer x` or `token x`: no browser sends that on its own.
    Header(String),
    /// The cookie: needs a CSRF token for anything that changes something.
    Cookie(String),
}

impl Credential {
    pub(crate) fn find(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
        if let Some((scheme, token)) = header.and_then(|v| v.split_once(' '))
            && (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token"))
        {
            return Some(Self::Header(token.trim().to_owned()));
        }
        cookie(headers, COOKIE_TOKEN).map(Self::Cookie)
    }

    pub(crate) fn token(&self) -> &str {
        match self {
            Self::Header(token) | Self::Cookie(token) => token,
        }
    }

    /// May this request change something? Always, but with a cookie only if another site could not
    /// have sent it.
    pub(crate) fn passes_csrf(&self, method: &Method, headers: &HeaderMap) -> bool {
        let Self::Cookie(token) = self else {
            return true;
        };
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return true;
        }
        let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
        let csrf = csrf_of(token);
        text("x-csrf-token").is_some_and(|sent| bool::from(sent.ct_eq(csrf.as_bytes())))
            || text("x-requested-with") == Some(b"XMLHttpRequest")
    }
}

/// A cookie's value.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok());
    pairs
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

/// The signed-in user; the extractor refuses everybody else.
#[derive(Debug, Clone)]
pub(crate) struct Auth {
    pub(crate) user: User,
    pub(crate) session: Session,
}

impl Auth {
    /// The session of these headers, if they hold a good one. Counts as a request of its user.
    pub(crate) async fn find(
        local: &Local,
        method: &Method,
        headers: &HeaderMap,
    ) -> ApiResult<Option<Self>> {
        match Credential::find(headers) {
            Some(credential) if credential.passes_csrf(method, headers) => {
                Self::counted(local, credential.token()).await
            }
            _ => Ok(None),
        }
    }

    /// The session of this token; a request of its user, refused if those are too many.
    pub(crate) async fn counted(local: &Local, token: &str) -> ApiResult<Option<Self>> {
        let hash = hash_token(token);
        if local.spent.is(&hash, Instant::now()) {
            // A flood waits in the client, not in us.
            tokio::time::sleep(limits::REQUESTS_REFUSED_AFTER).await;
            return Err(local.refused_request());
        }
        let found = Self::by_token(local, token).await?;
        if let Some(auth) = &found
            && let Err(refused) = local.count_request(&auth.user.id)
        {
            local.spent.begin(hash, Instant::now());
            return Err(refused);
        }
        Ok(found)
    }

    async fn by_token(local: &Local, token: &str) -> ApiResult<Option<Self>> {
        let token = token.to_owned();
        let found = local
            .db
            .run(move |tx| sessions::by_token(tx, &token))
            .await?;
        Ok(found.map(|(session, user)| Self { user, session }))
    }
}

impl FromRequestParts<Arc<Local>> for Auth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, local: &Arc<Local>) -> ApiResult<Self> {
        let found = Self::find(local, &parts.method, &parts.headers).await?;
        found.ok_or_else(ApiError::session)
    }
}

impl Local {
    /// One more request of this user.
    fn count_request(&self, user_id: &str) -> ApiResult<()> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if requests
            .get(user_id.to_owned(), now)
            .is_some_and(|bucket| bucket.take(now))
        {
            return Ok(());
        }
        Err(self.refused_request())
    }

    fn refused_request(&self) -> ApiError {
        Drops::count(&self.hub.drops.requests);
        ApiError::too_many(
            "api.context.rate_limited.app_error",
            "Too many requests. Please wait a moment and try again.",
        )
    }
}

/// A JSON body, whatever its content type says.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Local>> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Local>) -> ApiResult<Self> {
        let bytes = read_body(request, limits::BODY_BYTES_MAX).await?;
        serde_json::from_slice(&bytes)
            .map(Body)
            .map_err(|error| ApiError::body(&error.to_string()))
    }
}

/// The whole body, if it is not too large.
pub(crate) async fn read_body(request: Request, max: usize) -> ApiResult<bytes::Bytes> {
    axum::body::to_bytes(request.into_body(), max)
        .await
        .map_err(|_| {
            ApiError::new(
                http::StatusCode::PAYLOAD_TOO_LARGE,
                "api.context.request_body_too_large.app_error",
                "The request is too large.",
            )
        })
}

/// `Set-Cookie` lines of a login.
pub(crate) fn login_cookies(local: &Local, user_id: &str, token: &str) -> Vec<HeaderValue> {
    let age = limits::SESSION_IDLE_MS / 1_000;
    [
        set_cookie(local, COOKIE_TOKEN, token, age, true),
        set_cookie(local, COOKIE_USER, user_id, age, false),
        set_cookie(local, COOKIE_CSRF, &csrf_of(token), age, false),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `Set-Cookie` lines that clear it.
pub(crate) fn logout_cookies(local: &Local) -> Vec<HeaderValue> {
    [
        (COOKIE_TOKEN, true),
        (COOKIE_USER, false),
        (COOKIE_CSRF, false),
    ]
    .into_iter()
    .filter_map(|(name, hidden)| set_cookie(local, name, "", 0, hidden))
    .collect()
}

fn set_cookie(
    local: &Local,
    name: &str,
    value: &str,
    age: i64,
    hidden: bool,
) -> Option<HeaderValue> {
    let path = if local.site.subpath.is_empty() {
        "/"
    } else {
        &local.site.subpath
    };
    let mut line = format!("{name}={value}; Path={path}; Max-Age={age}; SameSite=Lax");
    if hidden {
        line.push_str("; HttpOnly");
    }
    if local.site.https {
        line.push_str("; Secure");
    }
    HeaderValue::from_str(&line).ok()
}
