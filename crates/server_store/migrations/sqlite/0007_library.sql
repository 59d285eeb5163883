-- The image-recognition library: whom devices believe, what was published, and who gets it already.
-- The bytes of chunks lie in the blob store under `<part_id>/library/<first two digits>/<hash>`.

CREATE TABLE library_root (
    -- Public root keys of a part, told to devices at their first login. The secret halves are not on this machine.
    part_id     TEXT    NOT NULL,
    public_key  TEXT    NOT NULL,   -- in minisign's base64
    added_at_ms INTEGER NOT NULL,
    PRIMARY KEY (part_id, public_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE library_release (
    -- A library that was published; never changed, except who gets it.
    part_id          TEXT    NOT NULL,
    version          INTEGER NOT NULL,   -- as its manifest says
    name             BLOB    NOT NULL,   -- BLAKE3-256 of the papers
    papers           BLOB    NOT NULL,   -- recognition_library::Container, as devices fetch it
    byte_count       INTEGER NOT NULL,   -- of the whole library
    percent          INTEGER NOT NULL,   -- share of devices that get it, 0 to 100
    is_stopped       INTEGER NOT NULL,   -- 1 = no device begins to fetch it any more
    published_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (part_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX library_release_by_name ON library_release (part_id, name);

CREATE TABLE library_chunk (
    -- Which chunks a release names. A chunk of several releases is one blob.
    part_id     TEXT    NOT NULL,
    hash        BLOB    NOT NULL,   -- BLAKE3-256 of its bytes
    version     INTEGER NOT NULL,
    byte_count  INTEGER NOT NULL,
    PRIMARY KEY (part_id, hash, version)
) STRICT, WITHOUT ROWID;
