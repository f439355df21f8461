-- The numbers of users who are kept out, which each attempt at a code looks for: an index of these only, so that
-- nothing is read for anybody else.
CREATE INDEX users_kept_out ON users (phone) WHERE blocked_at IS NOT NULL;
