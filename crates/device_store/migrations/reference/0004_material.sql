-- Schema 3 of the rows that travel (protocol::version::SCHEMA).
CREATE TABLE material (
    -- A file the office gives to its people. Bucket `audience`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    ext_code TEXT NOT NULL,
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    folder TEXT NOT NULL,
    file BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    version INTEGER NOT NULL,
    mandatory INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to INTEGER,
    outlet_id INTEGER,
    product_id INTEGER,
    changed_at_ms INTEGER NOT NULL
) STRICT;
