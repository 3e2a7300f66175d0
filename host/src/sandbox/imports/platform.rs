//! The platform's API as granted to the guest: sizes checked.

use super::super::bindings::parley::plugin::platform::Host;
use super::super::bindings::parley::plugin::types as wit;
use super::super::limits::grant;
use super::super::state::RequestState;
use super::at_most;
use super::translate::translate_all;
use crate::platform as host;

type Answer<T> = wasmtime::Result<Result<T, wit::PlatformError>>;

/// Counts the call, checks its grant, asks the platform and translates the answer.
macro_rules! pass_on {
    ($state:ident, $check:expr, $call:expr, $translate:expr) => {{
        $state.charge()?;
        if let Err(error) = $check {
            return Ok(Err(error));
        }
        Ok($call.await.map($translate).map_err(Into::into))
    }};
}

impl Host for RequestState {
    async fn get_user(&mut self, user_id: String) -> Answer<wit::User> {
        pass_on!(
            self,
            ids(&[&user_id]),
            self.services.platform.get_user(&user_id),
            Into::into
        )
    }

    async fn get_channel(&mut self, channel_id: String) -> Answer<wit::Channel> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            ids(&[&channel_id]),
            platform.get_channel(&channel_id),
            Into::into
        )
    }

    async fn get_member(
        &mut self,
        channel_id: String,
        user_id: String,
    ) -> Answer<Option<wit::Member>> {
        let platform = &self.services.platform.clone();
        let member = |member: Option<host::Member>| member.map(Into::into);
        pass_on!(
            self,
            ids(&[&channel_id, &user_id]),
            platform.get_member(&channel_id, &user_id),
            member
        )
    }

    async fn has_channel_permission(
        &mut self,
        user_id: String,
        channel_id: String,
        permission: wit::ChannelPermission,
    ) -> Answer<bool> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            ids(&[&channel_id, &user_id]),
            platform.has_channel_permission(&user_id, &channel_id, permission.into()),
            |allowed| allowed
        )
    }

    async fn get_members(&mut self, channel_id: String, limit: u32) -> Answer<Vec<wit::User>> {
        let platform = &self.services.platform.clone();
        let limit = limit.min(grant::MEMBERS_MAX);
        pass_on!(
            self,
            ids(&[&channel_id]),
            platform.get_members(&channel_id, limit),
            translate_all
        )
    }

    async fn get_presence(&mut self, user_id: String) -> Answer<wit::Presence> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            ids(&[&user_id]),
            platform.get_presence(&user_id),
            Into::into
        )
    }

    async fn push_call(&mut self, push: wit::CallPush) -> Answer<()> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            check_push(&push),
            platform.push_call(push.into()),
            |()| ()
        )
    }

    async fn get_team(&mut self, team_id: String) -> Answer<wit::Team> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            ids(&[&team_id]),
            platform.get_team(&team_id),
            Into::into
        )
    }

    async fn get_teams_of_user(&mut self, user_id: String) -> Answer<Vec<wit::Team>> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            ids(&[&user_id]),
            platform.get_teams_of_user(&user_id),
            translate_all
        )
    }

    async fn get_channels_of_user(&mut self, user_id: String) -> Answer<Vec<wit::Channel>> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            ids(&[&user_id]),
            platform.get_channels_of_user(&user_id),
            translate_all
        )
    }

    async fn get_post(&mut self, post_id: String) -> Answer<wit::Post> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            ids(&[&post_id]),
            platform.get_post(&post_id),
            Into::into
        )
    }

    async fn get_thread(&mut self, root_id: String) -> Answer<Vec<wit::Post>> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            ids(&[&root_id]),
            platform.get_thread(&root_id),
            |posts| translate_all(fitting(posts))
        )
    }

    async fn create_post(&mut self, post: wit::Post) -> Answer<wit::Post> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            check_post(&post),
            platform.create_post(post.into()),
            Into::into
        )
    }

    async fn update_post(&mut self, post: wit::Post) -> Answer<wit::Post> {
        let platform = &self.services.platform.clone();
        pass_on!(
            self,
            check_post(&post),
            platform.update_post(post.into()),
            Into::into
        )
    }

    async fn send_ephemeral(&mut self, user_id: String, post: wit::Post) -> Answer<()> {
        let platform = &self.services.platform.clone();
        let check = ids(&[&user_id]).and_then(|()| check_post(&post));
        pass_on!(
            self,
            check,
            platform.send_ephemeral(&user_id, post.into()),
            |()| ()
        )
    }

    async fn send_file(
        &mut self,
        user_id: String,
        message: String,
        file: wit::File,
    ) -> Answer<wit::Post> {
        let platform = &self.services.platform.clone();
        let check = check_file(&user_id, &message, &file);
        let file = host::File {
            name: file.name,
            data: file.data,
        };
        pass_on!(
            self,
            check,
            platform.send_file(&user_id, &message, file),
            Into::into
        )
    }

    async fn publish_event(
        &mut self,
        name: String,
        data_json: String,
        broadcast: wit::Broadcast,
    ) -> Answer<()> {
        let platform = &self.services.platform.clone();
        let check = check_event(&name, &data_json, &broadcast);
        let broadcast = host::Broadcast {
            connection_id: broadcast.connection_id,
            user_id: broadcast.user_id,
            channel_id: broadcast.channel_id,
            omit_user_ids: broadcast.omit_user_ids,
        };
        pass_on!(
            self,
            check,
            platform.publish_event(&name, &data_json, broadcast),
            |()| ()
        )
    }

    async fn bot_id(&mut self) -> Answer<String> {
        let platform = &self.services.platform.clone();
        pass_on!(self, Ok(()), platform.bot_id(), |id| id)
    }

    async fn plugin_id(&mut self) -> wasmtime::Result<String> {
        self.charge()?;
        Ok(self.services.platform.plugin_id())
    }

    async fn plugin_version(&mut self) -> wasmtime::Result<String> {
        self.charge()?;
        Ok(env!("CARGO_PKG_VERSION").to_owned())
    }

    async fn site_url(&mut self) -> wasmtime::Result<String> {
        self.charge()?;
        Ok(self.services.platform.site_url())
    }

    async fn settings(&mut self) -> wasmtime::Result<String> {
        self.charge()?;
        Ok(crate::settings::with_defaults(
            &self.services.platform.settings_json(),
        ))
    }
}

fn ids(ids: &[&str]) -> Result<(), wit::PlatformError> {
    ids.iter()
        .try_for_each(|id| at_most("id", id.len(), grant::ID_BYTES_MAX))
}

fn check_post(post: &wit::Post) -> Result<(), wit::PlatformError> {
    ids(&[
        &post.id,
        &post.user_id,
        &post.channel_id,
        &post.root_id,
        &post.kind,
    ])?;
    let files = post.file_ids.len();
    at_most("post.file-ids", files, grant::POST_FILES_MAX)?;
    post.file_ids.iter().try_for_each(|id| ids(&[id]))?;
    at_most(
        "post.message",
        post.message.len(),
        grant::POST_MESSAGE_BYTES_MAX,
    )?;
    at_most(
        "post.props-json",
        post.props_json.len(),
        grant::POST_PROPS_BYTES_MAX,
    )
}

/// The root and as many of the newest replies as the guest's memory has room for.
fn fitting(thread: Vec<host::Post>) -> Vec<host::Post> {
    let mut room = grant::THREAD_BYTES_MAX;
    let mut posts = thread.into_iter();
    let Some(root) = posts.next() else {
        return Vec::new();
    };
    let mut kept: Vec<_> = posts
        .rev()
        .take_while(|post| {
            let bytes = post.message.len() + post.props_json.len();
            let fits = bytes <= room;
            room = room.saturating_sub(bytes);
            fits
        })
        .collect();
    kept.push(root);
    kept.reverse();
    kept
}

/// A file has a plain name, and a message beside it.
fn check_file(user_id: &str, message: &str, file: &wit::File) -> Result<(), wit::PlatformError> {
    ids(&[user_id])?;
    at_most("message", message.len(), grant::POST_MESSAGE_BYTES_MAX)?;
    at_most("file.name", file.name.len(), grant::FILE_NAME_BYTES_MAX)?;
    at_most("file.data", file.data.len(), grant::FILE_BYTES_MAX)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if file.name.is_empty() || file.name.starts_with('.') || !file.name.bytes().all(plain) {
        let reason = "file.name: not of [A-Za-z0-9._-]";
        return Err(wit::PlatformError::Invalid(reason.to_owned()));
    }
    Ok(())
}

fn check_push(push: &wit::CallPush) -> Result<(), wit::PlatformError> {
    ids(&[
        &push.user_id,
        &push.channel_id,
        &push.post_id,
        &push.root_id,
        &push.sender_id,
    ])?;
    for (field, text) in [
        ("push.channel-name", &push.channel_name),
        ("push.sender-name", &push.sender_name),
        ("push.message", &push.message),
        ("push.discreet-message", &push.discreet_message),
    ] {
        at_most(field, text.len(), grant::PUSH_TEXT_BYTES_MAX)?;
    }
    Ok(())
}

/// An event has a plain name and a destination: without one it would go to everybody.
fn check_event(
    name: &str,
    data_json: &str,
    broadcast: &wit::Broadcast,
) -> Result<(), wit::PlatformError> {
    let invalid = |reason: &str| Err(wit::PlatformError::Invalid(reason.to_owned()));
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || !name.bytes().all(plain) {
        return invalid("name: not of [a-z0-9_]");
    }
    at_most("name", name.len(), grant::EVENT_NAME_CHARS_MAX)?;
    at_most("data-json", data_json.len(), grant::EVENT_DATA_BYTES_MAX)?;
    ids(&[
        &broadcast.connection_id,
        &broadcast.user_id,
        &broadcast.channel_id,
    ])?;
    let omitted = broadcast.omit_user_ids.len();
    at_most(
        "broadcast.omit-user-ids",
        omitted,
        grant::EVENT_OMITTED_USERS_MAX,
    )?;
    broadcast
        .omit_user_ids
        .iter()
        .try_for_each(|id| ids(&[id]))?;
    let destinations = [
        &broadcast.connection_id,
        &broadcast.user_id,
        &broadcast.channel_id,
    ];
    if destinations
        .iter()
        .all(|destination| destination.is_empty())
    {
        return invalid("broadcast: no destination");
    }
    Ok(())
}
