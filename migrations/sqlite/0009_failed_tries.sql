-- Failed tries at a secret that a number alone gives access to: its password, or a code without its
-- session id. In production these are keys of Redis; see shared/src/hot_state/tries.rs.
-- Times are milliseconds since the Unix epoch. A row may be removed after forget_at.

CREATE TABLE hot_failed_tries (
  -- 'p:' and a number, or 'a:' and the bucket of an address.
  subject TEXT PRIMARY KEY,
  failures INTEGER NOT NULL DEFAULT 0,
  last_at INTEGER NOT NULL DEFAULT 0,
  -- The theoretical arrival time of the next failure (GCRA), where they are throttled.
  arrival REAL NOT NULL DEFAULT 0,
  forget_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX hot_failed_tries_forget ON hot_failed_tries (forget_at);
