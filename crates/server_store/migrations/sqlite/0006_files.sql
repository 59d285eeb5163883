-- Schema 3 of the rows that travel (materials and their audiences), photos of visits, and the files of both.
-- The bytes of files lie in the blob store under `<part_id>/files/<first two digits>/<hash>`.

CREATE TABLE file (
    -- A whole file that was checked, named by its content.
    part_id         TEXT    NOT NULL,
    hash            BLOB    NOT NULL,   -- BLAKE3-256 of its bytes
    byte_count      INTEGER NOT NULL,
    content_type    TEXT    NOT NULL,   -- by its content, not by what was said
    width           INTEGER,            -- of a picture, in pixels; NULL = no picture
    height          INTEGER,
    thumbnail       TEXT    NOT NULL,   -- 'wanted', 'made', 'none' (no picture, or one that cannot be read)
    received_at_ms  INTEGER NOT NULL,   -- when it came, or came again
    PRIMARY KEY (part_id, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_by_received ON file (part_id, received_at_ms);
CREATE INDEX file_thumbnail_wanted ON file (received_at_ms) WHERE thumbnail = 'wanted';

CREATE TABLE file_sender (
    -- Who brought a file: only those are told that it is here.
    part_id      TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    lineage      BLOB    NOT NULL,      -- the chain of the device
    position_id  INTEGER NOT NULL,      -- and the position it was signed in as
    sent_at_ms   INTEGER NOT NULL,
    PRIMARY KEY (part_id, hash, lineage, position_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE file_upload (
    -- Uploads that ended well: a device that did not hear so asks again. Those under way live in the spool folder.
    part_id         TEXT    NOT NULL,
    id              BLOB    NOT NULL,   -- 16 random bytes
    lineage         BLOB    NOT NULL,   -- whose it is
    hash            BLOB    NOT NULL,
    byte_count      INTEGER NOT NULL,
    finished_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_upload_by_finished ON file_upload (finished_at_ms);

CREATE TABLE photo (
    -- A photo by its newest revision. Its visit and its file come in any order, or not yet.
    part_id             TEXT    NOT NULL,
    document_id         BLOB    NOT NULL,
    revision            INTEGER NOT NULL,    -- the newest accepted
    position_id         INTEGER NOT NULL,
    visit_id            BLOB    NOT NULL,
    outlet_id           INTEGER NOT NULL,
    scene               TEXT    NOT NULL,    -- shelf, cooler, display, posm, facade, other
    taken_at_ms         INTEGER NOT NULL,    -- by the device's corrected clock
    utc_offset_minutes  INTEGER NOT NULL,
    hash                BLOB    NOT NULL,    -- of its file
    byte_count          INTEGER NOT NULL,    -- as the device says
    content_type        TEXT    NOT NULL,    -- as the device says
    width               INTEGER NOT NULL,
    height              INTEGER NOT NULL,
    comment             TEXT    NOT NULL,
    received_at_ms      INTEGER NOT NULL,
    withdrawn_at_ms     INTEGER,             -- NULL = it stands
    withdrawn_because   TEXT,
    PRIMARY KEY (part_id, document_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX photo_by_hash ON photo (part_id, hash);
CREATE INDEX photo_by_visit ON photo (part_id, visit_id);
CREATE INDEX photo_by_taken ON photo (part_id, taken_at_ms);

CREATE TABLE audience (
    -- Whom materials are for: every position that has all of what is given.
    part_id         TEXT    NOT NULL,
    id              INTEGER NOT NULL,   -- from id_counter; number of its bucket
    ext_code        TEXT    NOT NULL,   -- the office's id
    name            TEXT    NOT NULL,
    role            TEXT,               -- NULL = any
    distributor_id  INTEGER,            -- NULL = any
    territory_id    INTEGER,            -- NULL = any
    position_id     INTEGER,            -- NULL = any
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX audience_by_ext_code ON audience (part_id, ext_code);

CREATE TABLE material (
    -- Wire table 11. A file the office gives to its people. Bucket `audience`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: ext_code
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    ext_code       TEXT    NOT NULL,   -- The office's id
    title          TEXT    NOT NULL,   -- Title
    kind           TEXT    NOT NULL,   -- 'planogram', 'price_list', 'presentation', 'picture', 'video', 'training'
    folder         TEXT    NOT NULL,   -- Folder it is listed in; may be empty
    file           BLOB    NOT NULL,   -- BLAKE3-256 of the file
    bytes          INTEGER NOT NULL,   -- Length of the file
    content_type   TEXT    NOT NULL,   -- Type by its content
    file_name      TEXT    NOT NULL,   -- Name for people; data, never a path
    version        INTEGER NOT NULL,   -- The office's version, from 1
    mandatory      INTEGER NOT NULL,   -- 1 = is loaded before others and not removed to make room
    valid_from     INTEGER NOT NULL,   -- First day it is shown
    valid_to       INTEGER,            -- Last day it is shown; NULL = no end
    outlet_id      INTEGER,            -- The outlet it is about
    product_id     INTEGER,            -- The product it shows
    changed_at_ms  INTEGER NOT NULL,   -- When the office changed it, UTC milliseconds
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX material_by_natural_key ON material (part_id, natural_key);
CREATE INDEX material_by_bucket ON material (part_id, bucket, id);
CREATE INDEX material_by_file ON material (part_id, file);
