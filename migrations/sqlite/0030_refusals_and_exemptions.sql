-- The last requests that each rule refused, how often it refused, and the numbers that are exempt from limits for some
-- hours. In production these are keys of Redis; see shared/src/hot_state/refusals.rs and exemptions.rs.
-- Times and spans are milliseconds; times count since the Unix epoch.

CREATE TABLE hot_last_refusals (
  rule TEXT NOT NULL,
  at INTEGER NOT NULL,
  -- E.164. Its rows are removed when the account of the number is deleted.
  phone TEXT,
  address_group TEXT,
  retry_after INTEGER NOT NULL
);

CREATE INDEX hot_last_refusals_by_rule ON hot_last_refusals (rule, at);

CREATE TABLE hot_refusal_counts (
  span INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  rule TEXT NOT NULL,
  refusals INTEGER NOT NULL,
  PRIMARY KEY (span, slot, rule)
) WITHOUT ROWID;

CREATE TABLE hot_exemptions (
  phone TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  reason TEXT NOT NULL
) WITHOUT ROWID;
