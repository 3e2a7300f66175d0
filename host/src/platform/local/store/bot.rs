//! The plugin's own voice: an account that nobody can sign in to.

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::model::User;
use super::users::{self, NewUser};

/// Its name, unless a person has it.
const NAME: &str = "calls";
/// How many further names are tried.
const NAMES_MAX: usize = 100;

/// The bot; made if absent.
pub(crate) fn ensure(tx: &Tx<'_>) -> ApiResult<User> {
    let further = (1..NAMES_MAX).map(|n| format!("{NAME}-{n}"));
    for username in std::iter::once(NAME.to_owned()).chain(further) {
        match users::by_username(tx, &username) {
            Ok(user) if user.is_bot => return Ok(user),
            Ok(_) => {}
            Err(error) if error.status == http::StatusCode::NOT_FOUND => {
                let new = NewUser {
                    email: format!("{username}@bots.invalid"),
                    username,
                    password_hash: String::new(),
                    first_name: String::new(),
                    last_name: String::new(),
                    nickname: "Calls".to_owned(),
                    roles: "system_user".to_owned(),
                    locale: "en".to_owned(),
                };
                let id = users::insert(tx, &new)?.id;
                tx.exec("UPDATE users SET is_bot = 1 WHERE id = ?1", [&id])?;
                return users::get(tx, &id);
            }
            Err(error) => return Err(error),
        }
    }
    Err(ApiError::full("users"))
}
