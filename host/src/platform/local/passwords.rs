//! Password hashes (argon2id) and the limit of attempts.

use std::sync::{Mutex, PoisonError};

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::error::{ApiError, ApiResult};
use super::limits;
use crate::platform::rate::Buckets;

/// Hashes of a password nobody has take as long as real ones: names cannot be probed by time.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                     L0rBHMgQ4HmVwLhXHV4Kz5mJ4P8k4cTnCR4oaoOrJxs";

/// Hashes a password. Slow: not on an async thread.
pub(crate) fn hash(password: &str) -> ApiResult<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| ApiError::internal(&error))
}

/// Checks passwords, few at a time.
pub(crate) struct Passwords {
    working: Semaphore,
    waiting: Semaphore,
    failures: Mutex<Buckets<String>>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            working: Semaphore::new(limits::PASSWORD_HASHES_AT_ONCE),
            waiting: Semaphore::new(limits::PASSWORD_HASHES_WAITING_MAX),
            failures: Mutex::new(Buckets::new(
                limits::LOGIN_FAILURES_BURST,
                limits::LOGIN_FAILURES_PER_S,
                limits::LOGIN_NAMES_MAX,
            )),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> ApiResult<T> {
        let _place = self.waiting.try_acquire().map_err(|_| ApiError::busy())?;
        let _turn = self.working.acquire().await.map_err(|_| ApiError::busy())?;
        tokio::task::spawn_blocking(job)
            .await
            .map_err(|error| ApiError::internal(&error))
    }

    /// Hashes off the async threads.
    pub(crate) async fn hash(&self, password: String) -> ApiResult<String> {
        self.work(move || hash(&password)).await?
    }

    /// Is it the password of this hash? `None` = unknown account.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> ApiResult<bool> {
        self.work(move || {
            let known = hash.as_deref().filter(|hash| !hash.is_empty());
            let good = Argon2::default()
                .verify_password(password.as_bytes(), known.unwrap_or(DUMMY))
                .is_ok();
            good && known.is_some()
        })
        .await
    }

    /// Too many failures under this name?
    pub(crate) fn check_attempts(&self, login: &str) -> ApiResult<()> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if failures
            .get(login.to_lowercase(), now)
            .is_some_and(|bucket| bucket.ready(now))
        {
            return Ok(());
        }
        Err(ApiError::too_many(
            "api.user.check_user_login_attempts.too_many.app_error",
            "Too many failed sign-ins. Please wait a while and try again.",
        ))
    }

    pub(crate) fn count_failure(&self, login: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(bucket) = failures.get(login.to_lowercase(), now) {
            bucket.take(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_passes_and_unknown_accounts_never() {
        let passwords = Passwords::new();
        let hash = passwords.hash("secret-one".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(
            passwords
                .verify("secret-one".into(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("secret-two".into(), Some(hash))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("secret-one".into(), None).await.unwrap());
        assert!(
            !passwords
                .verify(String::new(), Some(String::new()))
                .await
                .unwrap()
        );
    }

    #[test]
    fn the_dummy_is_a_real_hash() {
        assert!(argon2::PasswordHash::new(DUMMY).is_ok());
    }
}
