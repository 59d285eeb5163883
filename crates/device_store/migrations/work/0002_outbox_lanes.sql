-- What one failing document may hold back, what is set aside, what is offered again.

-- Entries of one lane go one after another: the visit's id for a visit and its orders, the document's own otherwise.
ALTER TABLE outbox ADD COLUMN lane BLOB NOT NULL DEFAULT x'';
-- How often the server broke at it in a row.
ALTER TABLE outbox ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
-- Set aside at this time, by the server's clock, until somebody lets it go on; NULL = not set aside.
ALTER TABLE outbox ADD COLUMN parked_at_ms INTEGER;
-- 1 = answered, and offered again because the server was restored from a backup.
ALTER TABLE outbox ADD COLUMN re_offer INTEGER NOT NULL DEFAULT 0;
-- Never sent any more since this time: it was set aside, and then its document was withdrawn. It stays as history.
ALTER TABLE outbox ADD COLUMN superseded_at_ms INTEGER;

UPDATE outbox
   SET lane = COALESCE((SELECT visit_id FROM customer_order WHERE customer_order.id = outbox.document_id), document_id);

CREATE INDEX outbox_parked ON outbox (lane, device_seq) WHERE parked_at_ms IS NOT NULL;
CREATE INDEX outbox_re_offered ON outbox (position_id, device_seq) WHERE re_offer = 1;

CREATE TABLE repair_failure (
    -- Repairs of the copy of the office that did not help, of the last day: the third of a day has it built anew.
    at_ms  INTEGER NOT NULL                 -- UTC by the server's clock
) STRICT;

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
