CREATE TABLE users (
    id TEXT PRIMARY KEY, create_at INTEGER NOT NULL, update_at INTEGER NOT NULL,
    delete_at INTEGER NOT NULL DEFAULT 0,
    username TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE, password TEXT NOT NULL DEFAULT '',
    nickname TEXT NOT NULL DEFAULT '', first_name TEXT NOT NULL DEFAULT '',
    last_name TEXT NOT NULL DEFAULT '', position TEXT NOT NULL DEFAULT '',
    roles TEXT NOT NULL DEFAULT 'system_user', locale TEXT NOT NULL DEFAULT 'en',
    notify_props TEXT NOT NULL DEFAULT '{}', timezone TEXT NOT NULL DEFAULT '{}',
    last_picture_update INTEGER NOT NULL DEFAULT 0, is_bot INTEGER NOT NULL DEFAULT 0,
    image BLOB
) STRICT;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, token_hash BLOB NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id), create_at INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL, device_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id, create_at);
CREATE TABLE one_time_links (
    token_hash BLOB PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id),
    redirect TEXT NOT NULL, expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE teams (
    id TEXT PRIMARY KEY, create_at INTEGER NOT NULL, update_at INTEGER NOT NULL,
    delete_at INTEGER NOT NULL DEFAULT 0, name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL, type TEXT NOT NULL
) STRICT;
CREATE TABLE team_members (
    team_id TEXT NOT NULL REFERENCES teams (id), user_id TEXT NOT NULL REFERENCES users (id),
    admin INTEGER NOT NULL DEFAULT 0, guest INTEGER NOT NULL DEFAULT 0,
    create_at INTEGER NOT NULL, delete_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (team_id, user_id)
) STRICT;
CREATE INDEX team_members_user ON team_members (user_id);
CREATE TABLE channels (
    id TEXT PRIMARY KEY, create_at INTEGER NOT NULL, update_at INTEGER NOT NULL,
    delete_at INTEGER NOT NULL DEFAULT 0, team_id TEXT NOT NULL, type TEXT NOT NULL,
    name TEXT NOT NULL, display_name TEXT NOT NULL, header TEXT NOT NULL DEFAULT '',
    purpose TEXT NOT NULL DEFAULT '', creator_id TEXT NOT NULL DEFAULT '',
    last_post_at INTEGER NOT NULL DEFAULT 0, total_msg_count INTEGER NOT NULL DEFAULT 0,
    UNIQUE (team_id, name)
) STRICT;
CREATE TABLE channel_members (
    channel_id TEXT NOT NULL REFERENCES channels (id), user_id TEXT NOT NULL REFERENCES users (id),
    admin INTEGER NOT NULL DEFAULT 0, guest INTEGER NOT NULL DEFAULT 0,
    last_viewed_at INTEGER NOT NULL DEFAULT 0, msg_count INTEGER NOT NULL DEFAULT 0,
    mention_count INTEGER NOT NULL DEFAULT 0, notify_props TEXT NOT NULL DEFAULT '{}',
    last_update_at INTEGER NOT NULL,
    PRIMARY KEY (channel_id, user_id)
) STRICT;
CREATE INDEX channel_members_user ON channel_members (user_id);
CREATE TABLE posts (
    id TEXT PRIMARY KEY, create_at INTEGER NOT NULL, update_at INTEGER NOT NULL,
    edit_at INTEGER NOT NULL DEFAULT 0, delete_at INTEGER NOT NULL DEFAULT 0,
    user_id TEXT NOT NULL REFERENCES users (id), channel_id TEXT NOT NULL REFERENCES channels (id),
    root_id TEXT NOT NULL DEFAULT '', message TEXT NOT NULL, type TEXT NOT NULL DEFAULT '',
    props TEXT NOT NULL DEFAULT '{}', file_ids TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX posts_channel ON posts (channel_id, create_at, id);
CREATE INDEX posts_update ON posts (channel_id, update_at);
CREATE INDEX posts_root ON posts (root_id, create_at) WHERE root_id <> '';
CREATE TABLE thread_members (
    post_id TEXT NOT NULL REFERENCES posts (id), user_id TEXT NOT NULL REFERENCES users (id),
    following INTEGER NOT NULL, last_viewed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (post_id, user_id)
) STRICT;
CREATE TABLE preferences (
    user_id TEXT NOT NULL REFERENCES users (id), category TEXT NOT NULL, name TEXT NOT NULL,
    value TEXT NOT NULL, PRIMARY KEY (user_id, category, name)
) STRICT;
CREATE TABLE statuses (
    user_id TEXT PRIMARY KEY REFERENCES users (id), status TEXT NOT NULL,
    manual INTEGER NOT NULL, last_activity_at INTEGER NOT NULL
) STRICT;
CREATE TABLE files (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id),
    channel_id TEXT NOT NULL REFERENCES channels (id), post_id TEXT NOT NULL DEFAULT '',
    create_at INTEGER NOT NULL, name TEXT NOT NULL, extension TEXT NOT NULL,
    mime_type TEXT NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE INDEX files_user ON files (user_id);
CREATE TABLE kv (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
