-- Large files lie beside the database, in a folder, under their id.
ALTER TABLE files ADD COLUMN on_disk INTEGER NOT NULL DEFAULT 0;
-- A file that is not whole yet. `synced`: bytes that are on the disk for certain.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id),
    channel_id TEXT NOT NULL REFERENCES channels (id), create_at INTEGER NOT NULL,
    name TEXT NOT NULL, mime_type TEXT NOT NULL, size INTEGER NOT NULL,
    synced INTEGER NOT NULL DEFAULT 0
) STRICT;
