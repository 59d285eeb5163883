PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE assortment (
    -- What outlets of a format should have. Bucket `distributor`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    format TEXT NOT NULL,
    product_id INTEGER NOT NULL,
    kind TEXT NOT NULL
) STRICT;
INSERT INTO assortment VALUES(1,3,-5274643474463150735,'kiosk',2,'must');
CREATE TABLE bucket (
    -- How far each bucket has been applied, and what its rows add up to.
    bucket_no  INTEGER NOT NULL PRIMARY KEY,    -- what the rows' column _bucket holds
    name       TEXT    NOT NULL UNIQUE,         -- protocol::bucket::BucketName
    cursor     INTEGER NOT NULL,                -- last change number applied
    row_count  INTEGER NOT NULL,
    sum        INTEGER NOT NULL,                -- the two lanes of protocol::checksum::StateSum, as signed numbers
    mix        INTEGER NOT NULL
) STRICT;
INSERT INTO bucket VALUES(1,'position:17',1,1,-8329067890690468884,-4192276491628684059);
INSERT INTO bucket VALUES(2,'territory:5',2,2,4363727922851950695,153662554795097324);
INSERT INTO bucket VALUES(3,'distributor:9',6,6,3723438838269171403,-4904205498152486545);
INSERT INTO bucket VALUES(4,'price_type:3',2,2,-8450270991090825865,1608553610475256104);
INSERT INTO bucket VALUES(5,'warehouse:2',1,1,-2799292008057373231,1713336122146353969);
INSERT INTO bucket VALUES(6,'audience:4',1,1,1,1);
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
CREATE TABLE feed (
    -- What is applied as a whole: one row, absent before the first download.
    only           INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    epoch          TEXT    NOT NULL,            -- life of the server's database that the cursors belong to
    root           TEXT    NOT NULL,            -- name of the root applied
    applied_at_ms  INTEGER NOT NULL             -- UTC by the server's clock
, hash_key BLOB) STRICT;
INSERT INTO feed VALUES(1,'first','603d304b26fd8c16268624ec35b5801e9130bd4854c3e21ca16d76470292f4c2',1795334400000,X'0707070707070707070707070707070707070707070707070707070707070707');
CREATE TABLE foreign_column (
    -- Columns of a newer schema that segments brought: their values are not kept. A version that knows them asks for them alone.
    table_id   INTEGER NOT NULL,
    column_id  INTEGER NOT NULL,
    PRIMARY KEY (table_id, column_id)
) STRICT, WITHOUT ROWID;
INSERT INTO foreign_column VALUES(2,90);
CREATE TABLE foreign_row (
    -- Rows that have values in such columns: their _hash counts these too, so what is kept of them has a hash of its own.
    table_id  INTEGER NOT NULL,
    row_id    INTEGER NOT NULL,
    own_hash  INTEGER NOT NULL,             -- of the values that are kept, as a signed number
    PRIMARY KEY (table_id, row_id)
) STRICT, WITHOUT ROWID;
INSERT INTO foreign_row VALUES(2,17,5);
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
, channel TEXT, payment_days INTEGER) STRICT;
INSERT INTO outlet VALUES(17,2,-4414566403793302081,'T17','Киоск у вокзала','ул. Ленина, 1','kiosk','A',NULL,NULL,'','','',0,'ООО','7701','','',3,NULL,0,1,NULL,NULL);
INSERT INTO outlet VALUES(18,2,8778294326645252776,'T18','Магазин Ёлочка','ул. Ленина, 1','kiosk','A',NULL,NULL,'','','',0,'ООО','7701','','',3,NULL,0,1,'horeca',14);
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
INSERT INTO price VALUES(1,4,7584211905207445072,3,1,0,10000);
INSERT INTO price VALUES(2,4,2412261177411280679,3,2,0,25050);
CREATE TABLE price_type (
    -- A price list. Bucket `distributor`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    ext_code TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
INSERT INTO price_type VALUES(3,3,-6534458001691621837,'PT3','Розница');
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
INSERT INTO product VALUES(1,3,-8731365680794913296,'ext-1','A-1','Сок «Добрый» яблоко','','','шт',6,0,'',2200,1,NULL,5,NULL);
INSERT INTO product VALUES(2,3,-8009270432417635425,'ext-2','A-2','Мёд липовый','','','шт',6,0,'',2200,1,NULL,5,NULL);
INSERT INTO product VALUES(3,3,7906250213096785441,'ext-3','A-3','Вода','','','шт',6,0,'',2200,1,NULL,5,NULL);
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
INSERT INTO route_stop VALUES(1,1,-8329067890690468884,20779,1,17,540);
CREATE TABLE staged_segment (
    -- Segments that are here and checked, but not shown yet. Emptied by the transaction that applies them.
    hash   TEXT NOT NULL UNIQUE,                -- BLAKE3 of the bytes
    bytes  BLOB NOT NULL
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
INSERT INTO stock VALUES(1,5,-2799292008057373231,2,1,40,1);
CREATE TABLE warehouse (
    -- Where goods are shipped from. Bucket `distributor`.
    id INTEGER NOT NULL PRIMARY KEY,
    _bucket INTEGER NOT NULL,
    _hash INTEGER NOT NULL,
    ext_code TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
INSERT INTO warehouse VALUES(2,3,5920182140830155639,'W2','Склад');
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
INSERT INTO material VALUES(4,6,7,'M-4','Выкладка: киоск','planogram','Планограммы',X'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',5000,'image/png','выкладка.png',1,1,20000,NULL,17,NULL,1795334400000);
CREATE INDEX receivable_by_outlet ON receivable (outlet_id);
CREATE INDEX document_state_by_document ON document_state (document_id);
CREATE INDEX price_by_type_and_product ON price (price_type_id, product_id);
CREATE INDEX stock_by_warehouse ON stock (warehouse_id);
CREATE INDEX route_stop_by_day ON route_stop (day, seq);
COMMIT;
