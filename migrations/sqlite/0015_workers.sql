-- The workers that live, each with the moment at which it told so last. In production these are a key
-- of Redis; see shared/src/queue/redis_feed/keep_alive.lua.
-- Times are milliseconds since the Unix epoch.

CREATE TABLE workers (
  name TEXT PRIMARY KEY,
  seen_at INTEGER NOT NULL
) WITHOUT ROWID;
