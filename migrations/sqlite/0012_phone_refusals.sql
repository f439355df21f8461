-- What the limits of a phone refused, for whoever asks why no code came. In production these are keys
-- of Redis; see shared/src/hot_state/phone_state.rs.
-- Times are milliseconds since the Unix epoch. A row may be removed after forget_at.

CREATE TABLE hot_phone_refusals (
  phone TEXT NOT NULL,
  rule TEXT NOT NULL,
  refusals INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  forget_at INTEGER NOT NULL,
  PRIMARY KEY (phone, rule)
) WITHOUT ROWID;

CREATE INDEX hot_phone_refusals_forget ON hot_phone_refusals (forget_at);
