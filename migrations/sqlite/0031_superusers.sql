-- Superusers, whom the list of the staff looks for: an index of these only, so that nobody else's row is read or
-- written for it.
CREATE INDEX users_superusers ON users (created_at) WHERE is_superuser;
