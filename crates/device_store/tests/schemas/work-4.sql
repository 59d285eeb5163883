PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO customer_order VALUES(X'01a20244e8007807a34c8da6f9d57970',17,'А017-000001',17,'Киоск у вокзала',X'01a20244e8007df1856eba666fe9170b',NULL,3,2,NULL,'',1795334400000,20779,20000,3607,1);
CREATE TABLE option (
    -- Settings and facts of this installation that must survive everything: device id, server, token, position, language.
    name   TEXT NOT NULL PRIMARY KEY,
    value  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO option VALUES('app_version','0.1.0');
INSERT INTO option VALUES('clock_offset_ms','0');
INSERT INTO option VALUES('device_id','01a20244-e800-7058-80cb-c730209a50ab');
INSERT INTO option VALUES('email','anna@polevik');
INSERT INTO option VALUES('number_prefix','А017');
INSERT INTO option VALUES('position','{"id":17,"code":"P17","name":"Представитель 17","role":"rep","territory":"Север","distributor_id":9,"distributor":"Девять"}');
INSERT INTO option VALUES('server','http://office');
INSERT INTO option VALUES('token','token');
INSERT INTO option VALUES('user_name','Анна');
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
INSERT INTO order_line VALUES(X'01a20244e8007807a34c8da6f9d57970',1,1,'A-1','Сок «Добрый» яблоко','piece',2,2,10000,2200,20000,3607);
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
    field           TEXT, lane BLOB NOT NULL DEFAULT x'', attempts INTEGER NOT NULL DEFAULT 0, parked_at_ms INTEGER, re_offer INTEGER NOT NULL DEFAULT 0, superseded_at_ms INTEGER,                           -- the field at fault
    UNIQUE (document_id, revision)
) STRICT;
INSERT INTO outbox VALUES(1,X'01a20244e8007df1856eba666fe9170b',1,'visit',17,1795334400000,'{"outlet_id":17,"kind":"unplanned","local_day":20779,"utc_offset":180,"started_at_ms":1795334400000}',1795334400000,NULL,NULL,NULL,X'01a20244e8007df1856eba666fe9170b',0,NULL,1,NULL);
INSERT INTO outbox VALUES(2,X'01a20244e8007807a34c8da6f9d57970',1,'order',17,1795334400000,'{"number":"А017-000001","outlet_id":17,"visit_id":"01a20244-e800-7df1-856e-ba666fe9170b","placed_at_ms":1795334400000,"local_day":20779,"utc_offset":180,"price_type_id":3,"warehouse_id":2,"lines":[{"product_id":1,"unit":"piece","quantity":2,"base_quantity":2,"price":10000,"vat_rate":2200,"sum":20000,"vat_sum":3607}],"sum":20000,"vat_sum":3607}',NULL,NULL,NULL,NULL,X'01a20244e8007df1856eba666fe9170b',3,1795334500000,0,NULL);
INSERT INTO outbox VALUES(3,X'01a20244e8007df1856eba666fe9170b',2,'visit',17,1795334400000,'{"outlet_id":17,"kind":"unplanned","local_day":20779,"utc_offset":180,"started_at_ms":1795334400000,"finished_at_ms":1795334400000}',NULL,NULL,NULL,NULL,X'01a20244e8007df1856eba666fe9170b',0,NULL,0,NULL);
INSERT INTO outbox VALUES(4,X'01a20244e80070000000000000000004',1,'order',17,1795334400000,'{"number":"А017-000002"}',NULL,NULL,NULL,NULL,X'01a20244e80070000000000000000004',3,NULL,0,1795334600000);
INSERT INTO outbox VALUES(5,X'01a20244e80070000000000000000004',2,'withdrawal',17,1795334600000,'{"reason":"Ошибка","withdrawn_at_ms":1795334600000}',NULL,NULL,NULL,NULL,X'01a20244e80070000000000000000004',0,NULL,0,NULL);
CREATE TABLE repair_failure (
    -- Repairs of the copy of the office that did not help, of the last day: the third of a day has it built anew.
    at_ms  INTEGER NOT NULL                 -- UTC by the server's clock
) STRICT;
INSERT INTO repair_failure VALUES(1795334400000);
CREATE TABLE sequence (
    -- Counters without gaps: a number is taken in the transaction that uses it.
    name  TEXT    NOT NULL PRIMARY KEY,     -- 'document' (device_seq), or 'number:' and the prefix of document numbers
    last  INTEGER NOT NULL                  -- last one given
) STRICT, WITHOUT ROWID;
INSERT INTO sequence VALUES('document',5);
INSERT INTO sequence VALUES('document_base',1);
INSERT INTO sequence VALUES('number:А017',1);
CREATE TABLE sync_journal (
    -- The last sessions, for support.
    session_no   INTEGER NOT NULL PRIMARY KEY,
    ended_at_ms  INTEGER NOT NULL,          -- UTC by the server's clock
    cause        TEXT    NOT NULL,          -- what began it
    tag          TEXT    NOT NULL,
    result       TEXT    NOT NULL,          -- as in sync_session
    code         TEXT,                      -- of the first failure
    sent         INTEGER NOT NULL,
    received     INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    millis       INTEGER NOT NULL
) STRICT;
INSERT INTO sync_journal VALUES(1,1795334400000,'asked','B10V-05','failed','N103',0,0,0,0);
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
, wait_reason TEXT, files INTEGER NOT NULL DEFAULT 0, amount INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO sync_row VALUES('download.mandatory','failed',1795334400000,1795334400000,0,'N103','B10V-05','refused',1,1795334405435,NULL,0,0);
INSERT INTO sync_row VALUES('upload.mandatory','failed',1795334400000,1795334400000,1,'N103','B10V-05','refused',1,1795334405435,NULL,0,0);
INSERT INTO sync_row VALUES('upload.materials','waiting',NULL,NULL,0,NULL,NULL,NULL,0,NULL,'wifi',1,234464);
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
INSERT INTO sync_session VALUES(1,'B10V-05','failed',0,0,0,0);
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
INSERT INTO visit VALUES(X'01a20244e8007df1856eba666fe9170b',17,17,'Киоск у вокзала',NULL,20779,180,1795334400000,1795334400000);
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
INSERT INTO photo VALUES(X'01a20244e8007df1856eba666fe91801',17,X'01a20244e8007df1856eba666fe9170b',17,'shelf','левый край',1795334400000,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1600,1200);
INSERT INTO photo VALUES(X'01a20244e8007df1856eba666fe91802',17,X'01a20244e8007df1856eba666fe9170b',17,'facade','',1795334400001,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1200,1600);
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
INSERT INTO outgoing_file VALUES(1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',300000,'photo','image/jpeg',17,'waiting','/v1/uploads/7',65536,1,1795334460000,'N105','cut',1795334400000,NULL,NULL);
INSERT INTO outgoing_file VALUES(2,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',200000,'photo','image/jpeg',17,'confirmed',NULL,200000,0,NULL,NULL,NULL,1795334400001,1795334400500,NULL);
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
INSERT INTO held_file VALUES('cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',5000,'here',5000,1795334400000,1795334400100,0,NULL,NULL,NULL);
CREATE TABLE material_mark (
    -- What the rep did with a material, whatever file it has now.
    material_id  INTEGER NOT NULL PRIMARY KEY,
    pinned       INTEGER NOT NULL DEFAULT 0,        -- 1 = is kept here
    asked        TEXT,                              -- this file was asked for: it comes next, whatever room it takes
    opened       TEXT                               -- the file that was opened last
) STRICT;
INSERT INTO material_mark VALUES(4,1,NULL,'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc');
CREATE TABLE traffic (
    -- Bytes of bodies by month, purpose and network.
    month    INTEGER NOT NULL,                      -- 202611 for November 2026, by local clocks
    class    TEXT    NOT NULL,                      -- device_api::network::TrafficClass
    network  TEXT    NOT NULL,                      -- device_api::network::NetworkClass
    up       INTEGER NOT NULL,
    down     INTEGER NOT NULL,
    PRIMARY KEY (month, class, network)
) STRICT, WITHOUT ROWID;
INSERT INTO traffic VALUES(202611,'materials','wifi',200000,5000);
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
INSERT INTO library_version VALUES('active','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd',3,20000,1797926400000,1,X'736967');
CREATE TABLE library_file (
    -- Files that a version keeps here: parts put together, and chunks until then.
    role   TEXT    NOT NULL REFERENCES library_version (role) ON UPDATE CASCADE ON DELETE CASCADE,
    file   TEXT    NOT NULL,
    bytes  INTEGER NOT NULL,
    PRIMARY KEY (role, file)
) STRICT, WITHOUT ROWID;
INSERT INTO library_file VALUES('active','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd',20000);
CREATE INDEX visit_by_day ON visit (local_day);
CREATE INDEX visit_open ON visit (position_id) WHERE finished_at_ms IS NULL;
CREATE INDEX customer_order_by_time ON customer_order (at_ms);
CREATE INDEX customer_order_by_visit ON customer_order (visit_id) WHERE visit_id IS NOT NULL;
CREATE INDEX customer_order_by_outlet ON customer_order (outlet_id, at_ms);
CREATE UNIQUE INDEX customer_order_by_number ON customer_order (number) WHERE number IS NOT NULL;
CREATE INDEX outbox_parked ON outbox (lane, device_seq) WHERE parked_at_ms IS NOT NULL;
CREATE INDEX outbox_re_offered ON outbox (position_id, device_seq) WHERE re_offer = 1;
CREATE INDEX outbox_to_send ON outbox (position_id, device_seq, parked_at_ms) WHERE answered_at_ms IS NULL AND superseded_at_ms IS NULL;
CREATE INDEX outbox_unsent ON outbox (position_id, kind, document_id, parked_at_ms, created_at_ms)
    WHERE answered_at_ms IS NULL AND superseded_at_ms IS NULL;
CREATE INDEX outbox_answered ON outbox (device_seq, answered_at_ms)
    WHERE answered_at_ms IS NOT NULL AND re_offer = 0 AND superseded_at_ms IS NULL;
CREATE INDEX outbox_refused ON outbox (position_id, document_id, revision) WHERE code IS NOT NULL;
CREATE INDEX photo_by_visit ON photo (visit_id, taken_at_ms);
CREATE INDEX photo_by_file ON photo (file);
CREATE INDEX outgoing_file_waiting ON outgoing_file (position_id, queue_no) WHERE state = 'waiting';
CREATE INDEX outgoing_file_kept ON outgoing_file (confirmed_at_ms) WHERE state = 'confirmed' AND removed_at_ms IS NULL;
COMMIT;
