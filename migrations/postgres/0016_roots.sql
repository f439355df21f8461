-- A sign-in whose answer was lost: with the session id of the challenge the salt gives the first refresh
-- token once more. Alone it gives nothing.
SET LOCAL lock_timeout = '5s';
ALTER TABLE refresh_tokens ADD COLUMN origin_salt BYTEA CHECK (octet_length(origin_salt) = 16);
