-- What is asked after every answer of the server (what is left, what waits, the highest number answered) is read from indexes alone: rows of
-- the outbox carry whole documents, and reading ten thousand of them to count them costs more than sending them.

DROP INDEX outbox_unanswered;

-- What is sent, in its order.
CREATE INDEX outbox_to_send ON outbox (position_id, device_seq, parked_at_ms) WHERE answered_at_ms IS NULL AND superseded_at_ms IS NULL;
-- What waits, by document.
CREATE INDEX outbox_unsent ON outbox (position_id, kind, document_id, parked_at_ms, created_at_ms)
    WHERE answered_at_ms IS NULL AND superseded_at_ms IS NULL;
-- What was answered, in the order of writing.
CREATE INDEX outbox_answered ON outbox (device_seq, answered_at_ms)
    WHERE answered_at_ms IS NOT NULL AND re_offer = 0 AND superseded_at_ms IS NULL;
-- What was refused.
CREATE INDEX outbox_refused ON outbox (position_id, document_id, revision) WHERE code IS NOT NULL;
