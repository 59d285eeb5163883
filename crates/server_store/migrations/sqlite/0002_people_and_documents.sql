-- Who may sign in and on what; what devices upload, and the receipts that answer it.
-- Portable like 0001. Two tables lead from something that comes from outside to its part, and so do not begin with part_id.

CREATE TABLE login_name (
    -- Leads from what a person types to the account: the part is not known before.
    login    TEXT    NOT NULL,          -- e-mail, trimmed and in lower case
    part_id  TEXT    NOT NULL,
    user_id  INTEGER NOT NULL,
    PRIMARY KEY (login)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_account (
    -- A person who signs in with a password.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,    -- from id_counter
    email          TEXT    NOT NULL,    -- as the office wrote it
    name           TEXT    NOT NULL,
    password_hash  TEXT    NOT NULL,    -- argon2id as a PHC string
    active         INTEGER NOT NULL,    -- 0 = may not sign in any more
    created_at_ms  INTEGER NOT NULL,
    changed_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_position (
    -- Which positions a person may take.
    part_id      TEXT    NOT NULL,
    user_id      INTEGER NOT NULL,
    position_id  INTEGER NOT NULL,
    PRIMARY KEY (part_id, user_id, position_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    -- One installation of the mobile module, known since its first login.
    part_id              TEXT    NOT NULL,
    id                   BLOB    NOT NULL,   -- UUID made by the device, 16 bytes
    number_prefix        TEXT    NOT NULL,   -- of its document numbers, for ever its own
    number_floor         INTEGER NOT NULL,   -- highest sequence seen under the prefix
    model                TEXT    NOT NULL,
    app_version          TEXT    NOT NULL,
    user_id              INTEGER NOT NULL,   -- who signed in last
    position_id          INTEGER NOT NULL,   -- and as what
    first_seen_at_ms     INTEGER NOT NULL,
    last_contact_at_ms   INTEGER NOT NULL,   -- exact to five minutes
    blocked_at_ms        INTEGER,            -- NULL = not blocked
    block_reason         TEXT    NOT NULL,   -- may be empty
    device_seq_floor     INTEGER NOT NULL,   -- highest device_seq seen
    device_seq_received  INTEGER NOT NULL,   -- how many revisions came: less than the floor means some are missing
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX device_by_number_prefix ON device (part_id, number_prefix);

CREATE TABLE device_token (
    -- Sessions. Leads from a token to its device: the part is not known before. Spent ones stay until pruned, so that support can see why.
    token_hash       BLOB    NOT NULL,       -- BLAKE3-256 of the token; the token itself is nowhere
    part_id          TEXT    NOT NULL,
    device_id        BLOB    NOT NULL,
    user_id          INTEGER NOT NULL,
    position_id      INTEGER NOT NULL,
    made_at_ms       INTEGER NOT NULL,
    expires_at_ms    INTEGER NOT NULL,
    last_used_at_ms  INTEGER NOT NULL,       -- exact to five minutes
    revoked_at_ms    INTEGER,                -- NULL = good
    revoked_because  TEXT    NOT NULL,       -- '', logout, newer_login, password_changed, position_changed
    PRIMARY KEY (token_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_token_by_device ON device_token (part_id, device_id);
CREATE INDEX device_token_by_user ON device_token (part_id, user_id);

CREATE TABLE document (
    -- Every accepted revision of each document, byte for byte as the device wrote it.
    part_id         TEXT    NOT NULL,
    id              BLOB    NOT NULL,        -- UUID made by the device, 16 bytes
    revision        INTEGER NOT NULL,
    kind            TEXT    NOT NULL,        -- visit, order
    device_id       BLOB    NOT NULL,
    user_id         INTEGER NOT NULL,
    position_id     INTEGER NOT NULL,        -- under which it was made; stays when the person changes position
    device_seq      INTEGER NOT NULL,
    created_at_ms   INTEGER NOT NULL,        -- by the device's corrected clock
    received_at_ms  INTEGER NOT NULL,
    body            TEXT    NOT NULL,        -- JSON
    PRIMARY KEY (part_id, id, revision)
) STRICT;

CREATE TABLE document_receipt (
    -- One answer per revision, for ever: a revision sent again gets the same.
    part_id         TEXT    NOT NULL,
    document_id     BLOB    NOT NULL,
    revision        INTEGER NOT NULL,
    device_id       BLOB    NOT NULL,        -- whose document it is
    content_hash    BLOB    NOT NULL,        -- BLAKE3-256 over kind, revision and body
    code            TEXT,                    -- NULL = accepted; else why it was rejected: D401, D402 …
    reason          TEXT    NOT NULL,
    field           TEXT,                    -- the field at fault
    received_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (part_id, document_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE document_quarantine (
    -- What was rejected, raw: nothing that reached the server is thrown away. Other content under a known revision lies here only.
    part_id         TEXT    NOT NULL,
    document_id     BLOB    NOT NULL,
    revision        INTEGER NOT NULL,
    content_hash    BLOB    NOT NULL,
    device_id       BLOB    NOT NULL,        -- who sent it
    kind            TEXT    NOT NULL,        -- as sent; perhaps none we know
    user_id         INTEGER NOT NULL,
    position_id     INTEGER NOT NULL,
    device_seq      INTEGER NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    received_at_ms  INTEGER NOT NULL,
    code            TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    field           TEXT,
    body            TEXT    NOT NULL,
    PRIMARY KEY (part_id, document_id, revision, content_hash, device_id)
) STRICT;

CREATE TABLE visit (
    -- What is known of a visit by its newest revision.
    part_id             TEXT    NOT NULL,
    document_id         BLOB    NOT NULL,
    revision            INTEGER NOT NULL,    -- the newest accepted
    position_id         INTEGER NOT NULL,
    outlet_id           INTEGER NOT NULL,
    route_stop_id       INTEGER,             -- NULL = not planned
    kind                TEXT    NOT NULL,    -- planned, unplanned
    local_day           INTEGER NOT NULL,    -- the outlet's calendar day, fixed at the start
    utc_offset_minutes  INTEGER NOT NULL,
    started_at_ms       INTEGER NOT NULL,
    finished_at_ms      INTEGER,             -- NULL = open
    PRIMARY KEY (part_id, document_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX visit_by_position_day ON visit (part_id, position_id, local_day);

CREATE TABLE customer_order (
    -- An order by its newest revision. ("order" is a word of SQL.)
    part_id             TEXT    NOT NULL,
    document_id         BLOB    NOT NULL,
    revision            INTEGER NOT NULL,    -- the newest accepted
    number              TEXT    NOT NULL,    -- the device's own, А017-000245
    position_id         INTEGER NOT NULL,
    outlet_id           INTEGER NOT NULL,
    visit_id            BLOB,                -- NULL = placed outside a visit; the visit itself may arrive later
    outside_visit       TEXT,                -- why; present exactly when visit_id is not
    placed_at_ms        INTEGER NOT NULL,
    local_day           INTEGER NOT NULL,
    utc_offset_minutes  INTEGER NOT NULL,
    delivery_day        INTEGER,
    price_type_id       INTEGER,
    warehouse_id        INTEGER,
    comment             TEXT    NOT NULL,
    sum                 INTEGER NOT NULL,    -- kopecks, tax included, recomputed by the server
    vat_sum             INTEGER NOT NULL,
    received_at_ms      INTEGER NOT NULL,
    PRIMARY KEY (part_id, document_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX customer_order_by_number ON customer_order (part_id, number);
CREATE INDEX customer_order_by_received ON customer_order (part_id, received_at_ms);

CREATE TABLE order_line (
    part_id          TEXT    NOT NULL,
    document_id      BLOB    NOT NULL,
    line_no          INTEGER NOT NULL,       -- from 1
    product_id       INTEGER NOT NULL,
    unit             TEXT    NOT NULL,       -- piece, block, box
    quantity         INTEGER NOT NULL,       -- in unit
    base_quantity    INTEGER NOT NULL,       -- in pieces
    price            INTEGER NOT NULL,       -- of a piece, tax included, as the rep saw it
    vat_rate         INTEGER NOT NULL,       -- hundredths of a percent, as the rep saw it
    sum              INTEGER NOT NULL,
    vat_sum          INTEGER NOT NULL,
    office_vat_rate  INTEGER,                -- the product's rate on arrival where it differs; NULL = the same
    PRIMARY KEY (part_id, document_id, line_no)
) STRICT, WITHOUT ROWID;
