//! Who may have the plugin work for them: nobody stands behind many requests of one, and nobody's requests fill
//! the calls that the server may have at work.

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::limits;
use crate::platform::turns::Turns;

/// The places.
pub(super) struct Places {
    /// Requests that are served or wait, by user; those of all signed-out people together.
    here: Turns,
    users: Turns,
    anonymous: Semaphore,
    all: Semaphore,
}

/// Held by a request or a command while it is served.
pub(super) struct Place<'a> {
    _here: OwnedSemaphorePermit,
    _user: Option<OwnedSemaphorePermit>,
    _anonymous: Option<SemaphorePermit<'a>>,
    _all: Option<SemaphorePermit<'a>>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            here: Turns::new(limits::HERE_PER_USER),
            users: Turns::new(limits::TURNS_PER_USER),
            anonymous: Semaphore::new(limits::ANONYMOUS_AT_ONCE),
            all: Semaphore::new(limits::REQUESTS_AT_ONCE),
        }
    }
}

impl Places {
    /// For an HTTP request; without a user for one of signed-out people. `None`: too many.
    pub(super) async fn request(&self, user_id: &str) -> Option<Place<'_>> {
        let here = self.here.try_of(user_id)?;
        let turns = async {
            let (user, anonymous) = match user_id {
                "" => (None, Some(self.anonymous.acquire().await.ok()?)),
                user_id => (Some(self.users.of(user_id).await?), None),
            };
            Some(Place {
                _here: here,
                _user: user,
                _anonymous: anonymous,
                _all: Some(self.all.acquire().await.ok()?),
            })
        };
        timeout(limits::TURN_WAIT, turns).await.ok().flatten()
    }

    /// For a command, which has no body to be held. `None`: too many.
    pub(super) async fn command(&self, user_id: &str) -> Option<Place<'_>> {
        let here = self.here.try_of(user_id)?;
        let user = timeout(limits::TURN_WAIT, self.users.of(user_id))
            .await
            .ok()?;
        Some(Place {
            _here: here,
            _user: Some(user?),
            _anonymous: None,
            _all: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// So many at once: who has a place, waits, and is refused.
    async fn at_once(places: &Places, user: &str, commands: bool) -> (usize, usize, usize) {
        let mut asked: Vec<_> = (0..limits::HERE_PER_USER + 10)
            .map(|_| match commands {
                true => places.command(user).boxed_local(),
                false => places.request(user).boxed_local(),
            })
            .collect();
        let mut held = Vec::new();
        let mut answers = Vec::new();
        for ask in &mut asked {
            let answer = ask.now_or_never();
            answers.push(answer.as_ref().map(Option::is_some));
            held.push(answer);
        }
        let other = places.command("other").now_or_never().flatten();
        assert!(other.is_some(), "another's waits");
        let other = places.request("other").now_or_never().flatten();
        assert!(other.is_some(), "another's waits");
        let count = |wanted| answers.iter().filter(|answer| **answer == wanted).count();
        (count(Some(true)), count(None), count(Some(false)))
    }

    #[tokio::test(start_paused = true)]
    async fn one_has_few_places_and_does_not_fill_the_waiting_room() {
        let places = Places::default();
        for (user, commands, served) in [
            ("mallory", false, limits::TURNS_PER_USER),
            ("mallory", true, limits::TURNS_PER_USER),
            ("", false, limits::ANONYMOUS_AT_ONCE),
        ] {
            let wanted = (served, limits::HERE_PER_USER - served, 10);
            assert_eq!(at_once(&places, user, commands).await, wanted, "{user}");
        }
    }
}
