-- People who run the service, and how they sign in to the console.

-- Who has which role. A superuser without a row is an admin; of anybody else a row counts while users.is_staff is
-- set, which goes with the number.
CREATE TABLE staff (
    user_id  BLOB        PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    role     TEXT        NOT NULL CHECK (role IN ('read', 'support', 'operator', 'admin')),
    -- Who gave it; null where a command did.
    given_by BLOB,
    given_at TEXT NOT NULL
);

-- What a session of the kind 'admin' has beside its row in sessions.
CREATE TABLE staff_sessions (
    session_id BLOB        PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    -- SHA-256 of the token that the browser keeps.
    token_hash BLOB       NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    -- When a second factor was last given.
    factor_at  TEXT NOT NULL
);

-- Numbers that somebody sees whole in a session, by a keyed hash, until then.
CREATE TABLE staff_unmasked (
    session_id  BLOB        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number_hash BLOB       NOT NULL CHECK (length(number_hash) = 32),
    until       TEXT NOT NULL,
    PRIMARY KEY (session_id, number_hash)
);

-- For the day when the phone with the second factor is lost. Hashes; each works once.
CREATE TABLE staff_recovery_codes (
    user_id   BLOB  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    used_at   TEXT,
    PRIMARY KEY (user_id, code_hash)
);

-- Links that take the place of number and password, for the day when those do not work. Each works once.
CREATE TABLE staff_links (
    token_hash BLOB       PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id    BLOB        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at    TEXT
);
CREATE INDEX staff_links_by_user ON staff_links (user_id);

-- Wrong factors since the last right one, and until when none is looked at.
ALTER TABLE totp_credentials ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totp_credentials ADD COLUMN locked_until TEXT;

-- In the console: the role in which it was done, why, and the request. The address has its column already.
ALTER TABLE audit_log ADD COLUMN role TEXT;
ALTER TABLE audit_log ADD COLUMN reason TEXT;
ALTER TABLE audit_log ADD COLUMN request_id BLOB;
