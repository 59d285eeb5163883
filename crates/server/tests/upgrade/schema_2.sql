-- A database as the program of schema 2 left it: a part, imports of six kinds, one product changed later, a person. Never edited.
BEGIN TRANSACTION;
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
CREATE TABLE change_log (
    -- Which row changed under which number; its content is read when the bucket is sealed.
    part_id   TEXT    NOT NULL,
    bucket    TEXT    NOT NULL,
    seq       INTEGER NOT NULL,         -- 1, 2, 3 … without gaps within the bucket
    table_id  INTEGER NOT NULL,         -- number of the wire table
    pk        INTEGER NOT NULL,
    PRIMARY KEY (part_id, bucket, seq)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE distributor (
    part_id  TEXT    NOT NULL,
    id       INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "distributor" VALUES('D1',1,'Дистрибьютор «Север»');
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
INSERT INTO "feed_head" VALUES('D1','distributor:1',6,6,5,411253498,1700997913,3957659504,425422784);
INSERT INTO "feed_head" VALUES('D1','price_type:1',2,2,2,2824018993,315039615,1711605793,491012137);
INSERT INTO "feed_head" VALUES('D1','territory:1',1,1,1,2010451853,4268514279,3286220220,1206240502);
INSERT INTO "feed_head" VALUES('D1','territory:2',1,1,1,550896958,743868790,2183707743,1538341143);
INSERT INTO "feed_head" VALUES('D1','warehouse:1',1,1,1,554613721,2962075406,3323174864,2864749080);
CREATE TABLE id_counter (
    -- The next id of each table. Taken inside the writing transaction; a rolled-back transaction gives its ids back.
    part_id     TEXT    NOT NULL,
    table_name  TEXT    NOT NULL,
    next        INTEGER NOT NULL,
    PRIMARY KEY (part_id, table_name)
) STRICT, WITHOUT ROWID;
INSERT INTO "id_counter" VALUES('D1','import_run',8);
INSERT INTO "id_counter" VALUES('D1','outlet',3);
INSERT INTO "id_counter" VALUES('D1','position',2);
INSERT INTO "id_counter" VALUES('D1','price',3);
INSERT INTO "id_counter" VALUES('D1','price_type',2);
INSERT INTO "id_counter" VALUES('D1','product',4);
INSERT INTO "id_counter" VALUES('D1','stock',2);
INSERT INTO "id_counter" VALUES('D1','territory',3);
INSERT INTO "id_counter" VALUES('D1','user_account',2);
INSERT INTO "id_counter" VALUES('D1','warehouse',2);
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
INSERT INTO "import_run" VALUES('D1',1,'price_types','price_types.csv',1795350302369,1795350302417,1,1,0,0,0,0);
INSERT INTO "import_run" VALUES('D1',2,'warehouses','warehouses.csv',1795350302478,1795350302511,1,1,0,0,0,0);
INSERT INTO "import_run" VALUES('D1',3,'products','products.csv',1795350302563,1795350302605,3,3,0,0,0,0);
INSERT INTO "import_run" VALUES('D1',4,'outlets','outlets.csv',1795350302643,1795350302671,2,2,0,0,0,0);
INSERT INTO "import_run" VALUES('D1',5,'prices','prices.csv',1795350302724,1795350302761,2,2,0,0,0,0);
INSERT INTO "import_run" VALUES('D1',6,'stock','stock.csv',1795350302822,1795350302857,1,1,0,0,0,0);
INSERT INTO "import_run" VALUES('D1',7,'products','p2.csv',1795350303045,1795350303073,1,0,1,0,0,0);
CREATE TABLE login_name (
    -- Leads from what a person types to the account: the part is not known before.
    login    TEXT    NOT NULL,          -- e-mail, trimmed and in lower case
    part_id  TEXT    NOT NULL,
    user_id  INTEGER NOT NULL,
    PRIMARY KEY (login)
) STRICT, WITHOUT ROWID;
INSERT INTO "login_name" VALUES('anna@example.org','D1',1);
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
INSERT INTO "manifest" VALUES('D1','distributor:1',6,X'AD8FFF86146653121432466E84D0FA7FA498F440820EBF9E0215FE9113A8CFCA','{"bucket":"distributor:1","schema":1,"head":6,"state":{"rows":5,"sum":"18833afa65632b19","mix":"ebe51770195b6fc0"},"base_as_of":1,"base":[{"hash":"d9965ad789071e5cdf80e40c50d7a47b84111e78554f9eca5f278f68dfc61289","table":3,"rows":1,"bytes":98,"range":{"lo":-9223372036854775808,"hi":9223372036854775807,"state":{"rows":1,"sum":"7405ed2ceb4577d3","mix":"a2c210a21088c556"}}}],"deltas":[{"after":1,"to":2,"segments":[{"hash":"a4c4e9784683097258ed60f5272f509eae496ae6bc74f3fee9ce4791ac1e223c","table":5,"rows":1,"bytes":96}]},{"after":2,"to":5,"segments":[{"hash":"4428d504883fd11ec7f828ecfac85449cddeea99a9c77c5358c6acea5a9fc2e3","table":1,"rows":3,"bytes":213}]},{"after":5,"to":6,"segments":[{"hash":"c88af78706a69c1f8c98a84572dccc1bd9f0d1e78e2bf5fd69ea3755a4a19841","table":1,"rows":1,"bytes":176}]}]}',1795350303081);
INSERT INTO "manifest" VALUES('D1','price_type:1',2,X'DA481267A57395FEBCC04918D44544375E7C2F87361D9B8AD5C5BE95626562B1','{"bucket":"price_type:1","schema":1,"head":2,"state":{"rows":2,"sum":"a8531c3112c71f7f","mix":"660508211d444029"},"base_as_of":2,"base":[{"hash":"1865b12540d29abec617a8177c69f848c28e8059cf7d5c5ee03ee2a11c4e9eeb","table":4,"rows":2,"bytes":103,"range":{"lo":-9223372036854775808,"hi":9223372036854775807,"state":{"rows":2,"sum":"a8531c3112c71f7f","mix":"660508211d444029"}}}],"deltas":[]}',1795350302769);
INSERT INTO "manifest" VALUES('D1','territory:1',1,X'5A03F5BB3FF63296A65880C8871CBB05571CCEB3177E6F0616758A740C5107FC','{"bucket":"territory:1","schema":1,"head":1,"state":{"rows":1,"sum":"77d50f8dfe6c5be7","mix":"c3dfbdbc47e5c4f6"},"base_as_of":1,"base":[{"hash":"d0566d713db5e2b8b672ec9eea52a4b929193a1029c3ddba1b43219c211f25d4","table":2,"rows":1,"bytes":193,"range":{"lo":-9223372036854775808,"hi":9223372036854775807,"state":{"rows":1,"sum":"77d50f8dfe6c5be7","mix":"c3dfbdbc47e5c4f6"}}}],"deltas":[]}',1795350302685);
INSERT INTO "manifest" VALUES('D1','territory:2',1,X'43F7610E024B7C3EB952E7F067400A7E209AB3928E48A338A2029EA27D4B6C23','{"bucket":"territory:2","schema":1,"head":1,"state":{"rows":1,"sum":"20d6053e2c568976","mix":"8228bc5f5bb13917"},"base_as_of":1,"base":[{"hash":"a3a1da3b63d5b08a65a734d151807f209e37662f713778e065dd4502d4459007","table":2,"rows":1,"bytes":170,"range":{"lo":-9223372036854775808,"hi":9223372036854775807,"state":{"rows":1,"sum":"20d6053e2c568976","mix":"8228bc5f5bb13917"}}}],"deltas":[]}',1795350302685);
INSERT INTO "manifest" VALUES('D1','warehouse:1',1,X'D988E9444DC32C742BC4E1529F1914102DAA4D4291C97CD92D6F207DE6227DA7','{"bucket":"warehouse:1","schema":1,"head":1,"state":{"rows":1,"sum":"210ebbd9b08daf0e","mix":"c6139fd0aac09a18"},"base_as_of":1,"base":[{"hash":"33b0b36d8005b7c71897f935b710bbc0344efd57c9d86a218782df516e2b73bd","table":6,"rows":1,"bytes":97,"range":{"lo":-9223372036854775808,"hi":9223372036854775807,"state":{"rows":1,"sum":"210ebbd9b08daf0e","mix":"c6139fd0aac09a18"}}}],"deltas":[]}',1795350302869);
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
INSERT INTO "outlet" VALUES('D1',1,'O1','territory:1',8634824963086113767,1795350302653,'O1','Магазин «Берёзка»','','traditional','C',NULL,NULL,'','','',0,'','','','',1,NULL,0,1);
INSERT INTO "outlet" VALUES('D1',2,'O2','territory:2',2366084418819754358,1795350302653,'O2','Киоск 5','','traditional','C',NULL,NULL,'','','',0,'','','','',NULL,NULL,0,1);
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
INSERT INTO "part" VALUES('D1','Дистрибьютор «Север»',1,'6fbc4a3df9f207b6f55e1929d7690559',X'DDE5C77F3E1DECE30D650393E288D8F53ACB1105FFAA29E402EFE67E144B859F',1795350302309);
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
INSERT INTO "position" VALUES('D1',1,'TP01','TP01','rep',1,NULL);
CREATE TABLE position_territory (
    part_id       TEXT    NOT NULL,
    position_id   INTEGER NOT NULL,
    territory_id  INTEGER NOT NULL,
    PRIMARY KEY (part_id, position_id, territory_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "position_territory" VALUES('D1',1,1);
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
INSERT INTO "price" VALUES('D1',1,'1|1|20758','price_type:1',5342618677153954487,1795350302741,1,1,20758,9550);
INSERT INTO "price" VALUES('D1',2,'1|2|20758','price_type:1',6786450541378938056,1795350302741,1,2,20758,14000);
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
INSERT INTO "price_type" VALUES('D1',1,'R','distributor:1',8360349060464736211,1795350302401,'R','Розница');
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
INSERT INTO "product" VALUES('D1',1,'P1','distributor:1',-7923819165614902952,1795350303057,'P1','SKU1','Сок «Яблоко» 1 л','','','шт',0,0,'',2200,1,9990,NULL,NULL);
INSERT INTO "product" VALUES('D1',2,'P2','distributor:1',-2531119010690878565,1795350302582,'P2','SKU2','Чай','','','шт',0,0,'',2200,1,15000,NULL,NULL);
INSERT INTO "product" VALUES('D1',3,'P3','distributor:1',5618331591521097093,1795350302582,'P3','SKU3','Кофе','','','шт',0,0,'',2200,1,30000,NULL,NULL);
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
CREATE TABLE schema_migration (
        -- Which steps this database has taken, and the content each had then.
        version        INTEGER NOT NULL PRIMARY KEY,
        name           TEXT    NOT NULL,
        checksum       TEXT    NOT NULL,   -- BLAKE3 of the file, hexadecimal
        applied_at_ms  INTEGER NOT NULL
    ) STRICT;
INSERT INTO "schema_migration" VALUES(1,'reference_and_feed','c21c4dcb00272e784a32a179292982b6d9e3cedecda20d988a44f41b81b0802f',1795350302261);
INSERT INTO "schema_migration" VALUES(2,'people_and_documents','2c61efce6bd3da86f48cf2c53b524ff32f3ee2379eec766a270d0b337a9afecd',1795350302261);
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
INSERT INTO "segment" VALUES('D1',X'1865B12540D29ABEC617A8177C69F848C28E8059CF7D5C5EE03EE2A11C4E9EEB','price_type:1',4,'base',2,103,X'505653470100000244310C70726963655F747970653A310401000002022F007F1FC712311C53A82940441D2108056628B52FFD202F7901000102010100010106010001020100020801000102010100010308010001ACC4020100040B0100019C9501E222010001',1795350302769);
INSERT INTO "segment" VALUES('D1',X'33B0B36D8005B7C71897F935B710BBC0344EFD57C9D86A218782DF516E2B73BD','warehouse:1',6,'base',1,97,X'505653470100000244310B77617265686F7573653A310601000001012A000EAF8DB0D9BB0E21189AC0AAD09F13C628B52FFD202A51010001020100010601000102010002060100010201000307010001C8010100040B010001B8C1BCB3C0680100',1795350302869);
INSERT INTO "segment" VALUES('D1',X'4428D504883FD11EC7F828ECFAC85449CDDEEA99A9C77C5358C6ACEA5A9FC2E3','distributor:1',1,'delta',3,213,X'505653470101000244310D6469737472696275746F723A31010102050303CA0100B3CDF0BCCA1F043934E5AE2E99C551CE28B52FFD20CADD0400E28921276055D40124BB8E96AAD5BFB79B44CFC2C882200848DFAC0E0300C0805CC02F57836C8B7BCB9402AEAB463571E491CD08AAD33533A81199EB46F03835D3D45D748EAE765C183181BA755DF8408033BA78C8039E9DF28D8BD71EBFFD72CB2BDC417BBCE459820DBD42C5C3A86BC2A84BC2A8AB765EA121D3B59BB0264BB26AF80A0BAE33B30106004D6DB192A35176B9EC04590DD8CE6619',1795350302605);
INSERT INTO "segment" VALUES('D1',X'A3A1DA3B63D5B08A65A734D151807F209E37662F713778E065DD4502D4459007','territory:2',2,'base',1,170,X'505653470100000244310B7465727269746F72793A32020100000101BA01007689562C3E05D6201739B15B5FBC288228B52FFD20BA95030082461620902B8D01BA56EB4EDF751DBAE6F0C59FBA76C8B11745C9FF7F42046225D92905BEF6E760281006821F298202EEC3D75A047025D38442555464AA54AE584398EBAE418EEB6064CEB2D11CE62EE78BB5C4721B10B73569B7030900576501FBC0662E5B6CEE056D003C17C82C08AB28',1795350302685);
INSERT INTO "segment" VALUES('D1',X'A4C4E9784683097258ED60F5272F509EAE496AE6BC74F3FEE9CE4791AC1E223C','distributor:1',5,'delta',1,96,X'505653470101000244310D6469737472696275746F723A310501010201012700CEB885B6DD619CE759731571DE2CBA0528B52FFD20273901000001020100010B04000104010057310001000213040001140100D0A1D0BAD0BBD0B0D0B4000100',1795350302517);
INSERT INTO "segment" VALUES('D1',X'C88AF78706A69C1F8C98A84572DCCC1BD9F0D1E78E2BF5FD69EA3755A4A19841','distributor:1',1,'delta',1,176,X'505653470101000244310D6469737472696275746F723A31010105060101A301005871177973F00892812D3CB4A21AE93628B52FFD20A3B503009247182090398D013A423048A6D46F4EB590BB53DBB6DF323D8C6E7A6B24223189764A01FEC3B137035FFBF27861B23302A7F185711995466509B8EE9A63EE7450044D1575D251371DE52417A920E9A8839C1FD60C800542E1CD1A61B951C26DEDD9D70606004D6DB192C3A8BD27E43B2E0B136B3A01',1795350303081);
INSERT INTO "segment" VALUES('D1',X'D0566D713DB5E2B8B672EC9EEA52A4B929193A1029C3DDBA1B43219C211F25D4','territory:1',2,'base',1,193,X'505653470100000244310B7465727269746F72793A31020100000101D70100E75B6CFE8D0FD577F6C4E547BCBDDFC328B52FFD20D74D040012881B23706D8603FC1C458667B9EE15A8BACC314050FBBFB8D545327A90318A451749B2E39629D3714209C4740743813020344991600E998E3F29309F50944A655512CA62CD057F8A379FF31701E61E0D6BA759AFEDB26D7A35A3313EE5342B564DB1623A1FFC35DCDC11998FBF89D3310A005F255D650F6C06B6B8ECB3B90C3407A0B8C05B21ACCE',1795350302685);
INSERT INTO "segment" VALUES('D1',X'D9965AD789071E5CDF80E40C50D7A47B84111E78554F9ECA5F278F68DFC61289','distributor:1',3,'base',1,98,X'505653470100000244310D6469737472696275746F723A310301000001012900D37745EB2CED057456C58810A210C2A228B52FFD202949010001020100010A0400010201005200010002170400011C0100D0A0D0BED0B7D0BDD0B8D186D0B0000100',1795350302429);
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
INSERT INTO "stock" VALUES('D1',1,'1|1','warehouse:1',2382047796569943822,1795350302833,1,1,100,1795350302812);
CREATE TABLE territory (
    -- A set of outlets that one position serves.
    part_id   TEXT    NOT NULL,
    id        INTEGER NOT NULL,
    ext_code  TEXT    NOT NULL,         -- the office's id
    name      TEXT    NOT NULL,
    PRIMARY KEY (part_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "territory" VALUES('D1',1,'T1','T1');
INSERT INTO "territory" VALUES('D1',2,'T2','T2');
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
INSERT INTO "user_account" VALUES('D1',1,'anna@example.org','Анна','$argon2id$v=19$m=19456,t=2,p=1$uN5yKd7NNPHCa8D67jwvcg$OuqhifACHOw7yk4uQIzELbNwVlZWrWKjpq65sWhEx8w',1,1795350303010,1795350303010);
CREATE TABLE user_position (
    -- Which positions a person may take.
    part_id      TEXT    NOT NULL,
    user_id      INTEGER NOT NULL,
    position_id  INTEGER NOT NULL,
    PRIMARY KEY (part_id, user_id, position_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "user_position" VALUES('D1',1,1);
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
INSERT INTO "warehouse" VALUES('D1',1,'W1','distributor:1',-1757422149703452466,1795350302494,'W1','Склад');
CREATE UNIQUE INDEX territory_by_ext_code ON territory (part_id, ext_code);
CREATE UNIQUE INDEX position_by_code ON position (part_id, code);
CREATE UNIQUE INDEX product_by_natural_key ON product (part_id, natural_key);
CREATE INDEX product_by_bucket ON product (part_id, bucket, id);
CREATE UNIQUE INDEX product_by_sku ON product (part_id, sku);
CREATE UNIQUE INDEX outlet_by_natural_key ON outlet (part_id, natural_key);
CREATE INDEX outlet_by_bucket ON outlet (part_id, bucket, id);
CREATE UNIQUE INDEX price_type_by_natural_key ON price_type (part_id, natural_key);
CREATE INDEX price_type_by_bucket ON price_type (part_id, bucket, id);
CREATE UNIQUE INDEX price_by_natural_key ON price (part_id, natural_key);
CREATE INDEX price_by_bucket ON price (part_id, bucket, id);
CREATE UNIQUE INDEX warehouse_by_natural_key ON warehouse (part_id, natural_key);
CREATE INDEX warehouse_by_bucket ON warehouse (part_id, bucket, id);
CREATE UNIQUE INDEX stock_by_natural_key ON stock (part_id, natural_key);
CREATE INDEX stock_by_bucket ON stock (part_id, bucket, id);
CREATE UNIQUE INDEX route_stop_by_natural_key ON route_stop (part_id, natural_key);
CREATE INDEX route_stop_by_bucket ON route_stop (part_id, bucket, id);
CREATE INDEX route_stop_by_day ON route_stop (part_id, day);
CREATE UNIQUE INDEX receivable_by_natural_key ON receivable (part_id, natural_key);
CREATE INDEX receivable_by_bucket ON receivable (part_id, bucket, id);
CREATE INDEX receivable_by_outlet ON receivable (part_id, outlet_id);
CREATE UNIQUE INDEX assortment_by_natural_key ON assortment (part_id, natural_key);
CREATE INDEX assortment_by_bucket ON assortment (part_id, bucket, id);
CREATE UNIQUE INDEX document_state_by_natural_key ON document_state (part_id, natural_key);
CREATE INDEX document_state_by_bucket ON document_state (part_id, bucket, id);
CREATE UNIQUE INDEX device_by_number_prefix ON device (part_id, number_prefix);
CREATE INDEX device_token_by_device ON device_token (part_id, device_id);
CREATE INDEX device_token_by_user ON device_token (part_id, user_id);
CREATE INDEX visit_by_position_day ON visit (part_id, position_id, local_day);
CREATE UNIQUE INDEX customer_order_by_number ON customer_order (part_id, number);
CREATE INDEX customer_order_by_received ON customer_order (part_id, received_at_ms);
COMMIT;
