-- Segments that no manifest names any more go after a while; what is due is found without looking at everything.

ALTER TABLE segment ADD COLUMN superseded_at_ms INTEGER;    -- since when no manifest names it; NULL = one does, or it was not looked at yet
CREATE INDEX segment_by_bucket ON segment (part_id, bucket);
CREATE INDEX segment_superseded ON segment (part_id, superseded_at_ms) WHERE superseded_at_ms IS NOT NULL;

-- Buckets that wait to be sealed: few, however many there are.
CREATE INDEX feed_head_unsealed ON feed_head (part_id, bucket) WHERE head > floor;
