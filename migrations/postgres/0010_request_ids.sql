-- Finding everything that belongs to a request: the id that its error and its log lines carry, per
-- send, since a resend is a request of its own.
ALTER TABLE sends ADD COLUMN request_id UUID;
CREATE INDEX sends_by_request ON sends (request_id) WHERE request_id IS NOT NULL;
