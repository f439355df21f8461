-- Superusers, whom the list of the staff looks for: an index of these only, so that nobody else's row is read or
-- written for it. `migrate` makes it beforehand where the table is in use, without stopping those who write
-- (migrations/src/online.rs).
CREATE INDEX IF NOT EXISTS users_superusers ON users (created_at) WHERE is_superuser;
