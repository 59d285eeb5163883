CREATE TABLE option (
    -- Settings and facts of this installation that must survive everything: device id, server, token, position, language.
    name   TEXT NOT NULL PRIMARY KEY,
    value  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sequence (
    -- Counters without gaps: a number is taken in the transaction that uses it.
    name  TEXT    NOT NULL PRIMARY KEY,     -- 'document' (device_seq), or 'number:' and the prefix of document numbers
    last  INTEGER NOT NULL                  -- last one given
) STRICT, WITHOUT ROWID;

CREATE TABLE visit (
    -- Calls that were started on this device.
    id              BLOB    NOT NULL PRIMARY KEY,   -- UUIDv7, the server's key too
    position_id     INTEGER NOT NULL,               -- the position under which it was made
    outlet_id       INTEGER NOT NULL,
    outlet_name     TEXT    NOT NULL,               -- as it was then: the outlet may leave the reference
    route_stop_id   INTEGER,                        -- NULL = without a plan
    local_day       INTEGER NOT NULL,               -- days since 1970-01-01, fixed at the start
    utc_offset      INTEGER NOT NULL,               -- minutes, fixed at the start
    started_at_ms   INTEGER NOT NULL,               -- UTC by the server's clock
    finished_at_ms  INTEGER                         -- NULL = open
) STRICT;

CREATE INDEX visit_by_day ON visit (local_day);
CREATE INDEX visit_open ON visit (position_id) WHERE finished_at_ms IS NULL;

CREATE TABLE customer_order (
    -- Orders: drafts (number IS NULL) and placed ones, which do not change any more.
    id             BLOB    NOT NULL PRIMARY KEY,    -- UUIDv7, the server's key too
    position_id    INTEGER NOT NULL,                -- the position under which it was made
    number         TEXT,                            -- given when it is placed
    outlet_id      INTEGER NOT NULL,
    outlet_name    TEXT    NOT NULL,                -- as it was then
    visit_id       BLOB REFERENCES visit (id),
    outside_visit  TEXT,                            -- the reason; present exactly when there is no visit
    price_type_id  INTEGER,                         -- NULL = only list prices were known
    warehouse_id   INTEGER,
    delivery_day   INTEGER,                         -- wanted, days since 1970-01-01
    comment        TEXT    NOT NULL,
    at_ms          INTEGER NOT NULL,                -- placed, or last changed while a draft; UTC by the server's clock
    local_day      INTEGER NOT NULL,                -- calendar day of at_ms
    sum            INTEGER NOT NULL,                -- kopecks, with tax
    vat_sum        INTEGER NOT NULL,                -- kopecks
    line_count     INTEGER NOT NULL,
    CHECK ((visit_id IS NULL) = (outside_visit IS NOT NULL))
) STRICT;

CREATE INDEX customer_order_by_time ON customer_order (at_ms);
CREATE INDEX customer_order_by_visit ON customer_order (visit_id) WHERE visit_id IS NOT NULL;
CREATE INDEX customer_order_by_outlet ON customer_order (outlet_id, at_ms);
CREATE UNIQUE INDEX customer_order_by_number ON customer_order (number) WHERE number IS NOT NULL;

CREATE TABLE order_line (
    -- Lines with everything their sums follow from, as it was when the rep entered them.
    order_id       BLOB    NOT NULL REFERENCES customer_order (id) ON DELETE CASCADE,
    line_no        INTEGER NOT NULL,                -- order of entering
    product_id     INTEGER NOT NULL,
    sku            TEXT    NOT NULL,                -- article and name as they were then
    name           TEXT    NOT NULL,
    unit           TEXT    NOT NULL,                -- domain::quantity::Unit
    quantity       INTEGER NOT NULL,                -- in units
    base_quantity  INTEGER NOT NULL,                -- in pieces
    price          INTEGER NOT NULL,                -- kopecks a piece, with tax
    vat_rate       INTEGER NOT NULL,                -- hundredths of a percent
    sum            INTEGER NOT NULL,
    vat_sum        INTEGER NOT NULL,
    PRIMARY KEY (order_id, line_no),
    UNIQUE (order_id, product_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    -- Revisions of documents for the server, each written in the transaction of the rows it reports. Answered ones stay, so that their
    -- state can be shown and a restored server can be offered them again.
    device_seq      INTEGER NOT NULL PRIMARY KEY,   -- order of writing = order of sending; dense for ever
    document_id     BLOB    NOT NULL,
    revision        INTEGER NOT NULL,
    kind            TEXT    NOT NULL,               -- protocol::document::DocumentKind
    position_id     INTEGER NOT NULL,               -- sent only while this position is signed in
    created_at_ms   INTEGER NOT NULL,               -- UTC by the server's clock
    body            TEXT    NOT NULL,               -- JSON, sent byte for byte
    answered_at_ms  INTEGER,                        -- UTC; NULL = the server has not answered
    code            TEXT,                           -- refused with this code; NULL = accepted, or not answered
    reason          TEXT,                           -- in the office's words
    field           TEXT,                           -- the field at fault
    UNIQUE (document_id, revision)
) STRICT;

CREATE INDEX outbox_unanswered ON outbox (position_id, device_seq) WHERE answered_at_ms IS NULL;

CREATE TABLE sync_row (
    -- Rows of the synchronisation screen: they outlive the process.
    row              TEXT    NOT NULL PRIMARY KEY,  -- device_api::sync::RowId
    outcome          TEXT,                          -- 'ok', 'failed', 'stopped' of the last attempt; NULL = none yet
    last_success_ms  INTEGER,                       -- UTC by the server's clock; moves only on complete success
    last_attempt_ms  INTEGER,
    changed          INTEGER NOT NULL,              -- 1 = the last success changed something
    code             TEXT,                          -- of the failure
    tag              TEXT,
    detail           TEXT,
    attempts         INTEGER NOT NULL,              -- failures in a row, for the back-off
    next_try_ms      INTEGER                        -- by the device's clock; NULL = waits for a person or a network
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_session (
    -- How the last session ended: one row.
    only       INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    tag        TEXT    NOT NULL,
    result     TEXT    NOT NULL,                    -- 'success', 'partial', 'failed', 'stopped'
    sent       INTEGER NOT NULL,                    -- documents answered
    received   INTEGER NOT NULL,                    -- rows applied
    bytes      INTEGER NOT NULL,                    -- bodies, both ways
    millis     INTEGER NOT NULL
) STRICT;
