//! A post, with all fields that a server takes from an update.

use std::collections::BTreeMap;

use parley_goplugin::gob::Any;
use parley_goplugin::gob_struct;

gob_struct! {
    pub(crate) struct Post = "Post" {
        id: String = "Id",
        create_at: i64 = "CreateAt",
        update_at: i64 = "UpdateAt",
        edit_at: i64 = "EditAt",
        delete_at: i64 = "DeleteAt",
        is_pinned: bool = "IsPinned",
        user_id: String = "UserId",
        channel_id: String = "ChannelId",
        root_id: String = "RootId",
        original_id: String = "OriginalId",
        message: String = "Message",
        kind: String = "Type",
        props: Option<BTreeMap<String, Any>> = "Props",
        hashtags: String = "Hashtags",
        file_ids: Vec<String> = "FileIds",
        pending_post_id: String = "PendingPostId",
        has_reactions: bool = "HasReactions",
    }

    pub(crate) struct PostList = "PostList" {
        posts: BTreeMap<String, Post> = "Posts",
    }
}
