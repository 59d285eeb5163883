-- First what keeps the books, then the rows. The row tables are those of protocol::rows::TABLES as of schema 1 (a test compares them);
-- each has two columns that no screen reads: _bucket, the bucket_no that a row lives in, and _hash, its protocol::checksum::RowHash as a
-- signed number. Secondary indexes stand beside the readers that need them (reference/schema.rs makes them).

CREATE TABLE bucket (
    -- How far each bucket has been applied, and what its rows add up to.
    bucket_no  INTEGER NOT NULL PRIMARY KEY,    -- what the rows' column _bucket holds
    name       TEXT    NOT NULL UNIQUE,         -- protocol::bucket::BucketName
    cursor     INTEGER NOT NULL,                -- last change number applied
    row_count  INTEGER NOT NULL,
    sum        INTEGER NOT NULL,                -- the two lanes of protocol::checksum::StateSum, as signed numbers
    mix        INTEGER NOT NULL
) STRICT;

CREATE TABLE feed (
    -- What is applied as a whole: one row, absent before the first download.
    only           INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    epoch          TEXT    NOT NULL,            -- life of the server's database that the cursors belong to
    root           TEXT    NOT NULL,            -- name of the root applied
    applied_at_ms  INTEGER NOT NULL             -- UTC by the server's clock
) STRICT;

CREATE TABLE staged_segment (
    -- Segments that are here and checked, but not shown yet. Emptied by the transaction that applies them.
    hash   TEXT NOT NULL UNIQUE,                -- BLAKE3 of the bytes
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE product (
    -- Something that is sold. Bucket `distributor`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    ext_code TEXT NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    brand TEXT NOT NULL,
    category TEXT NOT NULL,
    unit TEXT NOT NULL,
    block_factor INTEGER NOT NULL,
    box_factor INTEGER NOT NULL,
    barcode TEXT NOT NULL,
    vat_rate INTEGER NOT NULL,
    active INTEGER NOT NULL,
    list_price INTEGER,
    stock_total INTEGER,
    changed_at_ms INTEGER
) STRICT;

CREATE TABLE outlet (
    -- A shop. Bucket `territory`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    ext_code TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    format TEXT NOT NULL,
    class TEXT NOT NULL,
    lat INTEGER,
    lon INTEGER,
    contact TEXT NOT NULL,
    phone TEXT NOT NULL,
    work_hours TEXT NOT NULL,
    delivery_days INTEGER NOT NULL,
    legal_name TEXT NOT NULL,
    inn TEXT NOT NULL,
    kpp TEXT NOT NULL,
    contract_number TEXT NOT NULL,
    price_type_id INTEGER,
    credit_limit INTEGER,
    stopped INTEGER NOT NULL,
    active INTEGER NOT NULL
) STRICT;

CREATE TABLE price_type (
    -- A price list. Bucket `distributor`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    ext_code TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE price (
    -- What a product costs by a price list from a day on. Bucket `price_type`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    price_type_id INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE warehouse (
    -- Where goods are shipped from. Bucket `distributor`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    ext_code TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE stock (
    -- How much there is. Bucket `warehouse`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    warehouse_id INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    available INTEGER NOT NULL,
    as_of_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE route_stop (
    -- One planned call. Bucket `position`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    day INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    outlet_id INTEGER NOT NULL,
    planned_minute INTEGER
) STRICT;

CREATE TABLE receivable (
    -- An open invoice. Bucket `territory`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    outlet_id INTEGER NOT NULL,
    document TEXT NOT NULL,
    day INTEGER NOT NULL,
    due_day INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    rest INTEGER NOT NULL
) STRICT;

CREATE TABLE assortment (
    -- What outlets of a format should have. Bucket `distributor`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    format TEXT NOT NULL,
    product_id INTEGER NOT NULL,
    kind TEXT NOT NULL
) STRICT;

CREATE TABLE document_state (
    -- What the office says of a device's document. Bucket `position`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    document_id BLOB NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;
