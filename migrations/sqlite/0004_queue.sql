-- The queue of the one-process shape. In production this is a Redis stream; see shared/src/queue.
-- Times are milliseconds since the Unix epoch.

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  payload TEXT NOT NULL,
  -- runs that ended with a delay
  attempts INTEGER NOT NULL DEFAULT 0,
  -- times it was taken and not settled yet
  deliveries INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL,
  -- who runs it since when; both NULL while it waits
  consumer TEXT,
  claimed_at INTEGER,
  CHECK ((consumer IS NULL) = (claimed_at IS NULL))
);

CREATE INDEX jobs_waiting ON jobs (due_at, id) WHERE consumer IS NULL;
CREATE INDEX jobs_running ON jobs (claimed_at) WHERE consumer IS NOT NULL;

CREATE TABLE dead_jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  payload TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  reason TEXT NOT NULL,
  died_at INTEGER NOT NULL
);
