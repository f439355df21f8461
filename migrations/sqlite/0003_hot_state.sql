-- What lives minutes. In production this is Redis; see shared/src/hot_state.
-- Times are milliseconds since the Unix epoch. A row may be removed after forget_at.

CREATE TABLE hot_challenges (
  id BLOB PRIMARY KEY CHECK (length(id) = 16),
  nonce BLOB NOT NULL,
  phone TEXT NOT NULL,
  purpose TEXT NOT NULL,
  locale TEXT NOT NULL,
  kid TEXT NOT NULL,
  salt BLOB NOT NULL CHECK (length(salt) = 16),
  digits INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  last_send_at INTEGER NOT NULL,
  sends INTEGER NOT NULL,
  session_attempts INTEGER NOT NULL DEFAULT 0,
  phone_attempts INTEGER NOT NULL DEFAULT 0,
  consumed BOOLEAN NOT NULL DEFAULT FALSE,
  forget_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX hot_challenges_phone ON hot_challenges (phone, created_at);
CREATE INDEX hot_challenges_forget ON hot_challenges (forget_at);

-- Every granted send, for the sliding windows of a phone.
CREATE TABLE hot_phone_sends (
  phone TEXT NOT NULL,
  at INTEGER NOT NULL
);

CREATE INDEX hot_phone_sends_phone ON hot_phone_sends (phone, at);
CREATE INDEX hot_phone_sends_at ON hot_phone_sends (at);

-- The theoretical arrival time of each client address (GCRA).
CREATE TABLE hot_addresses (
  address TEXT PRIMARY KEY,
  arrival REAL NOT NULL
) WITHOUT ROWID;

-- The breaker, if it is open: one row.
CREATE TABLE hot_breaker (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  until INTEGER NOT NULL
);
