-- Devices that go on under a new id, documents that are taken back, and a server that rests.

ALTER TABLE device ADD COLUMN lineage BLOB;                 -- id of the first device of its chain; its own if it never went on under another id
UPDATE device SET lineage = id;
ALTER TABLE device ADD COLUMN continues_id BLOB;            -- whose numbers were used twice; NULL = it signed in by itself
ALTER TABLE device ADD COLUMN continues_given_seq INTEGER;  -- the last number that one said to have given
ALTER TABLE device ADD COLUMN re_offers_told INTEGER NOT NULL DEFAULT 0;  -- how often it was told that the server knows less than it was answered
CREATE INDEX device_by_lineage ON device (part_id, lineage);

ALTER TABLE document_receipt ADD COLUMN device_seq INTEGER NOT NULL DEFAULT 0;  -- the device's number of the revision; 0 = not numbered
UPDATE document_receipt
   SET device_seq = COALESCE(
           (SELECT d.device_seq
              FROM document d
             WHERE d.part_id = document_receipt.part_id AND d.id = document_receipt.document_id AND d.revision = document_receipt.revision),
           (SELECT MAX(q.device_seq)
              FROM document_quarantine q
             WHERE q.part_id = document_receipt.part_id AND q.document_id = document_receipt.document_id
               AND q.revision = document_receipt.revision AND q.content_hash = document_receipt.content_hash
               AND q.device_id = document_receipt.device_id),
           0);
CREATE INDEX document_receipt_by_device_seq ON document_receipt (part_id, device_id, device_seq);

ALTER TABLE visit ADD COLUMN withdrawn_at_ms INTEGER;            -- by the device's corrected clock; NULL = it stands
ALTER TABLE visit ADD COLUMN withdrawn_because TEXT;             -- in the rep's words
ALTER TABLE customer_order ADD COLUMN withdrawn_at_ms INTEGER;   -- by the device's corrected clock; NULL = it stands
ALTER TABLE customer_order ADD COLUMN withdrawn_because TEXT;    -- in the rep's words

CREATE TABLE maintenance (
    -- When devices shall come back. At most one row; none, or a moment that has passed: the server works. Of the whole server, so without part_id.
    only_row  INTEGER NOT NULL,         -- always 1
    until_ms  INTEGER NOT NULL,
    PRIMARY KEY (only_row)
) STRICT, WITHOUT ROWID;
