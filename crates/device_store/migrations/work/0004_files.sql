-- Files: photos that were taken here, what waits to go up, what came down, and what it all cost on the wire. A file is named by the BLAKE3-256
-- of its bytes, as 64 hexadecimal digits.

-- Rows of the synchronisation screen that move files: for what they wait, and how many files.
ALTER TABLE sync_row ADD COLUMN wait_reason TEXT;
ALTER TABLE sync_row ADD COLUMN files INTEGER NOT NULL DEFAULT 0;
-- Bytes that wait; of a row that is done in part, files in all.
ALTER TABLE sync_row ADD COLUMN amount INTEGER NOT NULL DEFAULT 0;

CREATE TABLE photo (
    -- Photos that were taken on this device; each is a document of the outbox. Photos of the same bytes share their file.
    id           BLOB    NOT NULL PRIMARY KEY,      -- UUIDv7, the server's key too
    position_id  INTEGER NOT NULL,                  -- the position under which it was taken
    visit_id     BLOB    NOT NULL,
    outlet_id    INTEGER NOT NULL,
    scene        TEXT    NOT NULL,                  -- domain::photo::Scene
    comment      TEXT    NOT NULL,
    taken_at_ms  INTEGER NOT NULL,                  -- UTC by the server's clock
    file         TEXT    NOT NULL,
    width        INTEGER NOT NULL,                  -- pixels
    height       INTEGER NOT NULL
) STRICT;

CREATE INDEX photo_by_visit ON photo (visit_id, taken_at_ms);
CREATE INDEX photo_by_file ON photo (file);

CREATE TABLE outgoing_file (
    -- Files for the server, each written in the transaction of the rows that name it. They stay, so that their state can be shown.
    queue_no         INTEGER NOT NULL PRIMARY KEY,  -- order of queueing = order of sending
    file             TEXT    NOT NULL UNIQUE,
    bytes            INTEGER NOT NULL,
    class            TEXT    NOT NULL,              -- protocol::file::FileClass
    content_type     TEXT    NOT NULL,
    position_id      INTEGER NOT NULL,              -- sent only while this position is signed in
    state            TEXT    NOT NULL CHECK (state IN ('waiting', 'confirmed', 'lost', 'refused', 'dropped')),
    upload           TEXT,                          -- where the server has begun to take it; NULL = nowhere
    sent             INTEGER NOT NULL DEFAULT 0,    -- bytes the server has of it, as it said last
    attempts         INTEGER NOT NULL DEFAULT 0,    -- failures in a row
    next_try_at_ms   INTEGER,                       -- not before this time by the server's clock; NULL = at once
    code             TEXT,                          -- of the last failure
    detail           TEXT,
    queued_at_ms     INTEGER NOT NULL,              -- UTC by the server's clock
    confirmed_at_ms  INTEGER,                       -- the server has it whole since then
    removed_at_ms    INTEGER                        -- it is not on this device any more since then
) STRICT;

CREATE INDEX outgoing_file_waiting ON outgoing_file (position_id, queue_no) WHERE state = 'waiting';
CREATE INDEX outgoing_file_kept ON outgoing_file (confirmed_at_ms) WHERE state = 'confirmed' AND removed_at_ms IS NULL;

CREATE TABLE held_file (
    -- Files of materials that are here or were tried; one that is wanted and was never tried has no row.
    file            TEXT    NOT NULL PRIMARY KEY,
    bytes           INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('partial', 'here', 'failed', 'left')), -- left = removed by the rep
    have            INTEGER NOT NULL DEFAULT 0,     -- bytes that are here of a partial one
    arrived_at_ms   INTEGER,                        -- UTC by the server's clock
    opened_at_ms    INTEGER,                        -- last opened
    attempts        INTEGER NOT NULL DEFAULT 0,     -- failures in a row
    next_try_at_ms  INTEGER,                        -- not before this time by the server's clock; NULL = at once
    code            TEXT,                           -- of the last failure
    detail          TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE material_mark (
    -- What the rep did with a material, whatever file it has now.
    material_id  INTEGER NOT NULL PRIMARY KEY,
    pinned       INTEGER NOT NULL DEFAULT 0,        -- 1 = is kept here
    asked        TEXT,                              -- this file was asked for: it comes next, whatever room it takes
    opened       TEXT                               -- the file that was opened last
) STRICT;

CREATE TABLE traffic (
    -- Bytes of bodies by month, purpose and network.
    month    INTEGER NOT NULL,                      -- 202611 for November 2026, by local clocks
    class    TEXT    NOT NULL,                      -- device_api::network::TrafficClass
    network  TEXT    NOT NULL,                      -- device_api::network::NetworkClass
    up       INTEGER NOT NULL,
    down     INTEGER NOT NULL,
    PRIMARY KEY (month, class, network)
) STRICT, WITHOUT ROWID;

CREATE TABLE library_fact (
    -- What is trusted and known of the recognition library, whatever version is in use: roots, keys, the highest version accepted.
    name   TEXT NOT NULL PRIMARY KEY,
    value  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE library_version (
    -- The version in use, the one before it, and the one that is being fetched.
    role           TEXT    NOT NULL PRIMARY KEY CHECK (role IN ('active', 'previous', 'staged')),
    manifest       TEXT    NOT NULL,                -- name of the signed manifest
    version        INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,                -- of the whole library
    expires_at_ms  INTEGER NOT NULL,
    ready          INTEGER NOT NULL,                -- 1 = whole, checked and tried
    signed         BLOB    NOT NULL                 -- the signed manifest
) STRICT, WITHOUT ROWID;

CREATE TABLE library_file (
    -- Files that a version keeps here: parts put together, and chunks until then.
    role   TEXT    NOT NULL REFERENCES library_version (role) ON UPDATE CASCADE ON DELETE CASCADE,
    file   TEXT    NOT NULL,
    bytes  INTEGER NOT NULL,
    PRIMARY KEY (role, file)
) STRICT, WITHOUT ROWID;
