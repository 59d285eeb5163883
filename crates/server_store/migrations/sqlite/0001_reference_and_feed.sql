-- The organisation, the ten reference tables that travel, and their feed.
-- Portable: every key starts with part_id, ids come from the application, times are UTC milliseconds, no foreign keys, no triggers.

CREATE TABLE part (
    -- A share of the data that could live on a server of its own: one distributor.
    part_id         TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    distributor_id  INTEGER NOT NULL,   -- of its distributor row
    epoch           TEXT    NOT NULL,   -- one life of this database; a restored backup gets another, so cursors of the lost future are void
    hash_key        BLOB    NOT NULL,   -- 32 random bytes, key of the row hashes
    created_at_ms   INTEGER NOT NULL,
    PRIMARY KEY (part_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE id_counter (
    -- The next id of each table. Taken inside the writing transaction; a rolled-back transaction gives its ids back.
    part_id     TEXT    NOT NULL,
    table_name  TEXT    NOT NULL,
    next        INTEGER NOT NULL,
    PRIMARY KEY (part_id, table_name)
) STRICT, WITHOUT ROWID;

CREATE TABLE distributor (
    part_id  TEXT    NOT NULL,
    id       INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE territory (
    -- A set of outlets that one position serves.
    part_id   TEXT    NOT NULL,
    id        INTEGER NOT NULL,
    ext_code  TEXT    NOT NULL,         -- the office's id
    name      TEXT    NOT NULL,
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX territory_by_ext_code ON territory (part_id, ext_code);

CREATE TABLE position (
    -- A role with territories; scope belongs to it, not to the person.
    part_id         TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    code            TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    role            TEXT    NOT NULL,   -- rep, merchandiser, van, supervisor
    distributor_id  INTEGER NOT NULL,
    parent_id       INTEGER,            -- the supervisor's position; NULL = nobody above
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX position_by_code ON position (part_id, code);

CREATE TABLE position_territory (
    part_id       TEXT    NOT NULL,
    position_id   INTEGER NOT NULL,
    territory_id  INTEGER NOT NULL,
    PRIMARY KEY (part_id, position_id, territory_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE product (
    -- Wire table 1. Something that is sold. Bucket `distributor`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: ext_code
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    ext_code       TEXT    NOT NULL,   -- The office's id
    sku            TEXT    NOT NULL,   -- Article, unique in its part
    name           TEXT    NOT NULL,   -- Name as printed
    brand          TEXT    NOT NULL,   -- Brand; may be empty
    category       TEXT    NOT NULL,   -- Category; may be empty
    unit           TEXT    NOT NULL,   -- The office's word for the base unit
    block_factor   INTEGER NOT NULL,   -- Pieces in a block, 0 = not sold so
    box_factor     INTEGER NOT NULL,   -- Pieces in a box, 0 = not sold so
    barcode        TEXT    NOT NULL,   -- EAN-13 or other bar code; may be empty
    vat_rate       INTEGER NOT NULL,   -- Tax rate in hundredths of a percent
    active         INTEGER NOT NULL,   -- 1 = may be ordered
    list_price     INTEGER,            -- Price of a piece where the price type has none, kopecks
    stock_total    INTEGER,            -- Pieces in all warehouses, where no stock row says more
    changed_at_ms  INTEGER,            -- When the office changed it, UTC milliseconds
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX product_by_natural_key ON product (part_id, natural_key);
CREATE INDEX product_by_bucket ON product (part_id, bucket, id);
-- Prices, stock and orders name products by article too.
CREATE UNIQUE INDEX product_by_sku ON product (part_id, sku);

CREATE TABLE outlet (
    -- Wire table 2. A shop. Bucket `territory`.
    part_id          TEXT    NOT NULL,
    id               INTEGER NOT NULL,   -- from id_counter
    natural_key      TEXT    NOT NULL,   -- what an import matches by: ext_code
    bucket           TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash         INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms    INTEGER NOT NULL,   -- when the server changed it
    ext_code         TEXT    NOT NULL,   -- The office's id
    name             TEXT    NOT NULL,   -- Name as it stands over the door
    address          TEXT    NOT NULL,   -- Address
    format           TEXT    NOT NULL,   -- 'kiosk', 'traditional', 'minimarket', 'supermarket', 'horeca'
    class            TEXT    NOT NULL,   -- A–D
    lat              INTEGER,            -- Latitude in micro-degrees
    lon              INTEGER,            -- Longitude in micro-degrees
    contact          TEXT    NOT NULL,   -- Contact person; may be empty
    phone            TEXT    NOT NULL,   -- Phone; may be empty
    work_hours       TEXT    NOT NULL,   -- Opening hours; may be empty
    delivery_days    INTEGER NOT NULL,   -- Days on which it takes goods, bit 0 = Monday; 0 = every day
    legal_name       TEXT    NOT NULL,   -- Legal entity
    inn              TEXT    NOT NULL,   -- Taxpayer number of the legal entity
    kpp              TEXT    NOT NULL,   -- Registration reason code; may be empty
    contract_number  TEXT    NOT NULL,   -- Number of the contract; may be empty
    price_type_id    INTEGER,            -- Price list it buys by
    credit_limit     INTEGER,            -- Credit limit, kopecks
    stopped          INTEGER NOT NULL,   -- 1 = shipping is stopped
    active           INTEGER NOT NULL,   -- 1 = may be visited
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX outlet_by_natural_key ON outlet (part_id, natural_key);
CREATE INDEX outlet_by_bucket ON outlet (part_id, bucket, id);

CREATE TABLE price_type (
    -- Wire table 3. A price list. Bucket `distributor`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: ext_code
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    ext_code       TEXT    NOT NULL,   -- The office's id
    name           TEXT    NOT NULL,   -- Name
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX price_type_by_natural_key ON price_type (part_id, natural_key);
CREATE INDEX price_type_by_bucket ON price_type (part_id, bucket, id);

CREATE TABLE price (
    -- Wire table 4. What a product costs by a price list from a day on. Bucket `price_type`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: price type id|product id|day
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    price_type_id  INTEGER NOT NULL,   -- Price list
    product_id     INTEGER NOT NULL,   -- Product
    valid_from     INTEGER NOT NULL,   -- First day it holds
    value          INTEGER NOT NULL,   -- Price of a piece with tax, kopecks
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX price_by_natural_key ON price (part_id, natural_key);
CREATE INDEX price_by_bucket ON price (part_id, bucket, id);

CREATE TABLE warehouse (
    -- Wire table 5. Where goods are shipped from. Bucket `distributor`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: ext_code
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    ext_code       TEXT    NOT NULL,   -- The office's id
    name           TEXT    NOT NULL,   -- Name
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX warehouse_by_natural_key ON warehouse (part_id, natural_key);
CREATE INDEX warehouse_by_bucket ON warehouse (part_id, bucket, id);

CREATE TABLE stock (
    -- Wire table 6. How much there is. Bucket `warehouse`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: warehouse id|product id
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    warehouse_id   INTEGER NOT NULL,   -- Warehouse
    product_id     INTEGER NOT NULL,   -- Product
    available      INTEGER NOT NULL,   -- Pieces free to sell; never below zero
    as_of_ms       INTEGER NOT NULL,   -- As of, UTC milliseconds
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX stock_by_natural_key ON stock (part_id, natural_key);
CREATE INDEX stock_by_bucket ON stock (part_id, bucket, id);

CREATE TABLE route_stop (
    -- Wire table 7. One planned call. Bucket `position`.
    part_id         TEXT    NOT NULL,
    id              INTEGER NOT NULL,   -- from id_counter
    natural_key     TEXT    NOT NULL,   -- what an import matches by: position id|day|outlet id
    bucket          TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash        INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms   INTEGER NOT NULL,   -- when the server changed it
    day             INTEGER NOT NULL,   -- Day
    seq             INTEGER NOT NULL,   -- Place in the order of visits, from 1
    outlet_id       INTEGER NOT NULL,   -- Where
    planned_minute  INTEGER,            -- Planned start, minutes after local midnight
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX route_stop_by_natural_key ON route_stop (part_id, natural_key);
CREATE INDEX route_stop_by_bucket ON route_stop (part_id, bucket, id);
CREATE INDEX route_stop_by_day ON route_stop (part_id, day);

CREATE TABLE receivable (
    -- Wire table 8. An open invoice. Bucket `territory`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: outlet id|document
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    outlet_id      INTEGER NOT NULL,   -- Who owes
    document       TEXT    NOT NULL,   -- Number of the invoice
    day            INTEGER NOT NULL,   -- Its day
    due_day        INTEGER NOT NULL,   -- Due day
    amount         INTEGER NOT NULL,   -- Its amount, kopecks
    rest           INTEGER NOT NULL,   -- What is still open, kopecks
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX receivable_by_natural_key ON receivable (part_id, natural_key);
CREATE INDEX receivable_by_bucket ON receivable (part_id, bucket, id);
-- A receivable follows its outlet into another territory.
CREATE INDEX receivable_by_outlet ON receivable (part_id, outlet_id);

CREATE TABLE assortment (
    -- Wire table 9. What outlets of a format should have. Bucket `distributor`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: format|product id
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    format         TEXT    NOT NULL,   -- Outlet format
    product_id     INTEGER NOT NULL,   -- Product
    kind           TEXT    NOT NULL,   -- 'must', 'focus', 'new', 'stop'
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX assortment_by_natural_key ON assortment (part_id, natural_key);
CREATE INDEX assortment_by_bucket ON assortment (part_id, bucket, id);

CREATE TABLE document_state (
    -- Wire table 10. What the office says of a device's document. Bucket `position`.
    part_id        TEXT    NOT NULL,
    id             INTEGER NOT NULL,   -- from id_counter
    natural_key    TEXT    NOT NULL,   -- what an import matches by: document id, hexadecimal
    bucket         TEXT    NOT NULL,   -- the one bucket the row is in now
    row_hash       INTEGER NOT NULL,   -- keyed hash of the row, 64 bits as they are
    updated_at_ms  INTEGER NOT NULL,   -- when the server changed it
    document_id    BLOB    NOT NULL,   -- The document, 16 bytes
    revision       INTEGER NOT NULL,   -- Revision it speaks of
    state          TEXT    NOT NULL,   -- 'received', 'rejected', 'accepted', 'shipped', 'delivered', 'changed'
    at_ms          INTEGER NOT NULL,   -- Since when, UTC milliseconds
    note           TEXT    NOT NULL,   -- The office's words; may be empty
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX document_state_by_natural_key ON document_state (part_id, natural_key);
CREATE INDEX document_state_by_bucket ON document_state (part_id, bucket, id);

CREATE TABLE feed_head (
    -- How far each bucket is, and what rows it holds. Raised as the last write of a transaction, so numbers are dense and become visible in order.
    part_id    TEXT    NOT NULL,
    bucket     TEXT    NOT NULL,
    head       INTEGER NOT NULL,        -- last change number given
    floor      INTEGER NOT NULL,        -- up to here changes are sealed into segments and gone from change_log
    row_count  INTEGER NOT NULL,        -- rows in the bucket now
    sum_high   INTEGER NOT NULL,        -- sum of row hashes modulo 2^64, upper and lower 32 bits: no engine's integers wrap,
    sum_low    INTEGER NOT NULL,        -- so the carry is taken by hand
    mix_high   INTEGER NOT NULL,        -- the same of mixed hashes
    mix_low    INTEGER NOT NULL,
    PRIMARY KEY (part_id, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE change_log (
    -- Which row changed under which number; its content is read when the bucket is sealed.
    part_id   TEXT    NOT NULL,
    bucket    TEXT    NOT NULL,
    seq       INTEGER NOT NULL,         -- 1, 2, 3 … without gaps within the bucket
    table_id  INTEGER NOT NULL,         -- number of the wire table
    pk        INTEGER NOT NULL,
    PRIMARY KEY (part_id, bucket, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE segment (
    -- Sealed segments. Small ones lie here, large ones in the blob store under their name.
    part_id        TEXT    NOT NULL,
    hash           BLOB    NOT NULL,    -- BLAKE3-256 of the bytes: the segment's name
    bucket         TEXT    NOT NULL,    -- who may fetch it
    table_id       INTEGER NOT NULL,
    kind           TEXT    NOT NULL,    -- base, delta
    row_count      INTEGER NOT NULL,
    byte_count     INTEGER NOT NULL,
    body           BLOB,                -- NULL = in the blob store
    created_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (part_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE manifest (
    -- The newest manifest of each bucket, byte for byte as it is named.
    part_id       TEXT    NOT NULL,
    bucket        TEXT    NOT NULL,
    head          INTEGER NOT NULL,     -- the change number it reaches
    hash          BLOB    NOT NULL,     -- BLAKE3-256 of body
    body          TEXT    NOT NULL,     -- JSON
    sealed_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (part_id, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_run (
    -- One run of an import and what came of it.
    part_id         TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    source          TEXT    NOT NULL,   -- name of the file
    started_at_ms   INTEGER NOT NULL,
    finished_at_ms  INTEGER,            -- NULL = running, or cut off
    row_count       INTEGER NOT NULL,
    inserted        INTEGER NOT NULL,
    updated         INTEGER NOT NULL,
    unchanged       INTEGER NOT NULL,
    removed         INTEGER NOT NULL,
    refused         INTEGER NOT NULL,
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_refused (
    -- Rows an import did not take, and why. At most so many of a run as the importer keeps; the full list lies beside the data as a file.
    part_id  TEXT    NOT NULL,
    run_id   INTEGER NOT NULL,
    n        INTEGER NOT NULL,          -- order within the run
    line     INTEGER NOT NULL,          -- of the file, from 1
    code     TEXT    NOT NULL,          -- D406
    field    TEXT    NOT NULL,          -- may be empty: the whole row
    reason   TEXT    NOT NULL,
    PRIMARY KEY (part_id, run_id, n)
) STRICT, WITHOUT ROWID;
