-- Finding everything that belongs to a request: the id that its error and its log lines carry, per
-- send, since a resend is a request of its own.
-- Whatever waits behind the lock on this table is a message that is not sent: rather fail, and be run
-- again, than stand in line behind a backup.
SET LOCAL lock_timeout = '5s';
ALTER TABLE sends ADD COLUMN request_id UUID;
