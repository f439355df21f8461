-- One number has one live code: what the code is made of moves out of the challenge into a root, which
-- challenges share.

CREATE TABLE hot_roots (
  id BLOB PRIMARY KEY CHECK (length(id) = 16),
  phone TEXT NOT NULL,
  purpose TEXT NOT NULL,
  kid TEXT NOT NULL,
  salt BLOB NOT NULL CHECK (length(salt) = 16),
  digits INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  last_send_at INTEGER NOT NULL,
  -- The channel of the last send.
  channel TEXT NOT NULL DEFAULT 'sms',
  sends INTEGER NOT NULL,
  phone_attempts INTEGER NOT NULL DEFAULT 0,
  -- Who gave the right code back: the id of a challenge, 'phone' for the number alone, '-' once that had
  -- its effect. Null while the root is open.
  closed_by TEXT,
  trace TEXT,
  forget_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Each challenge so far is its own root.
INSERT INTO hot_roots (id, phone, purpose, kid, salt, digits, created_at, ends_at, last_send_at, sends,
    phone_attempts, closed_by, trace, forget_at)
  SELECT id, phone, purpose, kid, salt, digits, created_at, expires_at, last_send_at, sends,
    phone_attempts, CASE WHEN consumed THEN lower(hex(id)) END, trace, forget_at
  FROM hot_challenges;

CREATE INDEX hot_roots_phone ON hot_roots (phone, purpose, created_at);
CREATE INDEX hot_roots_forget ON hot_roots (forget_at);

CREATE TABLE hot_challenges_on_roots (
  id BLOB PRIMARY KEY CHECK (length(id) = 16),
  root_id BLOB NOT NULL CHECK (length(root_id) = 16),
  nonce BLOB NOT NULL,
  locale TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  last_asked_at INTEGER NOT NULL,
  session_attempts INTEGER NOT NULL DEFAULT 0,
  trace TEXT,
  forget_at INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO hot_challenges_on_roots (id, root_id, nonce, locale, created_at, expires_at, last_asked_at,
    session_attempts, trace, forget_at)
  SELECT id, id, nonce, locale, created_at, expires_at, last_send_at, session_attempts, trace, forget_at
  FROM hot_challenges;

DROP TABLE hot_challenges;
ALTER TABLE hot_challenges_on_roots RENAME TO hot_challenges;
CREATE INDEX hot_challenges_forget ON hot_challenges (forget_at);

-- A request within the cooldown of its root gets no message of its own.
ALTER TABLE hot_phone_sends ADD COLUMN texted BOOLEAN NOT NULL DEFAULT TRUE;

-- With the session id of the challenge it gives the first refresh token once more, where the answer of
-- a sign-in was lost. Alone it gives nothing.
ALTER TABLE refresh_tokens ADD COLUMN origin_salt BLOB CHECK (length(origin_salt) = 16);
