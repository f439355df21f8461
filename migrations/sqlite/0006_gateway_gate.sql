-- The gate before the gateway: its breaker and its rate. In production these are two keys of Redis;
-- see shared/src/hot_state/gate.rs. Times are milliseconds since the Unix epoch.

-- The breaker is open while it has a code; until is then the moment up to which requests are refused.
ALTER TABLE hot_breaker ADD COLUMN code INTEGER;
ALTER TABLE hot_breaker ADD COLUMN since INTEGER;
ALTER TABLE hot_breaker ADD COLUMN probe_at INTEGER;
-- Whether a worker is probing; probe_at is then the end of its lease.
ALTER TABLE hot_breaker ADD COLUMN probing BOOLEAN NOT NULL DEFAULT FALSE;
-- The time between two probes, and when the breaker was closed: one that opens again soon goes on
-- with longer and longer times.
ALTER TABLE hot_breaker ADD COLUMN wait INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hot_breaker ADD COLUMN closed_at INTEGER NOT NULL DEFAULT 0;

-- The rate of calls: the theoretical arrival time of the next one (GCRA), and the share of the full
-- rate that was left when the gateway last asked for less.
CREATE TABLE hot_gateway_rate (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  arrival REAL NOT NULL DEFAULT 0,
  share REAL NOT NULL DEFAULT 1,
  slowed_at INTEGER NOT NULL DEFAULT 0
);

-- Whether a job was ever put off. Its age no longer tells how far the queue is behind, not even when
-- no attempt was counted.
ALTER TABLE jobs ADD COLUMN put_off BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE jobs SET put_off = TRUE WHERE attempts > 0;
