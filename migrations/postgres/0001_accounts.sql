-- People, their sessions, and the codes that had an effect.

CREATE TABLE users (
    id                  UUID        PRIMARY KEY,
    -- E.164. Null after deletion, so that the number is free for its next owner.
    phone               TEXT        UNIQUE,
    -- The digits of the number at first; follows a change of number, since numbers are recycled.
    username            TEXT        NOT NULL UNIQUE,
    -- Never proven, hence not unique: nobody can keep an address from its owner.
    email               TEXT,
    first_name          TEXT        NOT NULL DEFAULT '',
    last_name           TEXT        NOT NULL DEFAULT '',
    -- Names its own format: PHC ("$argon2id$…"), or Django's ("pbkdf2_sha256$…") until the next log-in.
    password_hash       TEXT,
    password_changed_at TIMESTAMPTZ,
    is_staff            BOOLEAN     NOT NULL DEFAULT FALSE,
    is_superuser        BOOLEAN     NOT NULL DEFAULT FALSE,
    phone_verified_at   TIMESTAMPTZ,
    last_sign_in_at     TIMESTAMPTZ,
    -- Tokens of known devices that were signed before this moment are void.
    devices_valid_from  TIMESTAMPTZ,
    blocked_at          TIMESTAMPTZ,
    deleted_at          TIMESTAMPTZ,
    created_at          TIMESTAMPTZ NOT NULL,
    updated_at          TIMESTAMPTZ NOT NULL,
    -- A deletion that leaves personal data in this row is refused; the username is the number, so
    -- it goes too. Sessions and the numbers in the ledger are erased by whoever deletes.
    CHECK (deleted_at IS NULL OR (
        phone IS NULL AND username LIKE 'deleted-%' AND email IS NULL
        AND password_hash IS NULL
        AND first_name = '' AND last_name = ''))
);
CREATE INDEX users_by_creation ON users (created_at);

-- The second factor of the admin console (RFC 6238).
CREATE TABLE totp_credentials (
    user_id       UUID        PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- Encrypted under the key named by kid.
    secret_sealed BYTEA       NOT NULL,
    kid           TEXT        NOT NULL,
    -- Null until the first right code has proven that the app holds the secret.
    confirmed_at  TIMESTAMPTZ,
    -- The time step of the last code that was accepted: a code works once.
    last_step     BIGINT,
    created_at    TIMESTAMPTZ NOT NULL
);

-- One sign-in on one device: a family of refresh tokens, each replaced by its next generation.
CREATE TABLE sessions (
    id              UUID        PRIMARY KEY,
    user_id         UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind            TEXT        NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'admin')),
    -- The code that opened it; null when a password did.
    challenge_id    BYTEA       UNIQUE CHECK (octet_length(challenge_id) = 16),
    device_name     TEXT,
    user_agent      TEXT,
    -- The client's address at the last use.
    address         TEXT,
    created_at      TIMESTAMPTZ NOT NULL,
    last_used_at    TIMESTAMPTZ NOT NULL,
    idle_expires_at TIMESTAMPTZ NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    revoked_at      TIMESTAMPTZ,
    revoked_reason  TEXT,
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
CREATE INDEX sessions_by_user ON sessions (user_id, last_used_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Hashes only: a dump of this table signs nobody in. Retired tokens stay as long as their session,
-- so that one that comes back is recognised.
CREATE TABLE refresh_tokens (
    token_hash BYTEA       PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    session_id UUID        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    generation BIGINT      NOT NULL,
    issued_at  TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ,
    UNIQUE (session_id, generation)
);
CREATE UNIQUE INDEX refresh_tokens_one_live ON refresh_tokens (session_id) WHERE retired_at IS NULL;

-- A code acts once: whoever lets it act inserts here, in the same transaction.
CREATE TABLE challenge_uses (
    challenge_id BYTEA       PRIMARY KEY CHECK (octet_length(challenge_id) = 16),
    purpose      TEXT        NOT NULL,
    used_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX challenge_uses_by_time ON challenge_uses (used_at);
