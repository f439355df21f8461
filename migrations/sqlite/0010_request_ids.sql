-- Finding everything that belongs to a request: the id that its error and its log lines carry, per
-- send, since a resend is a request of its own.
ALTER TABLE sends ADD COLUMN request_id BLOB;
-- The trace that the giving back of a code goes on with. In production this is in Redis.
ALTER TABLE hot_challenges ADD COLUMN trace TEXT;
