-- People sign in to other sites and apps through ours (OpenID Connect).
SET LOCAL lock_timeout = '5s';

-- A session that was opened for a client: whose it is, what it may, and the sign-on in the browser that it came
-- from, whose proof it carries on. Null in a session of our own.
ALTER TABLE sessions ADD COLUMN client_id TEXT;
ALTER TABLE sessions ADD COLUMN scope TEXT;
ALTER TABLE sessions ADD COLUMN parent_id UUID;
ALTER TABLE sessions ADD COLUMN auth_time TIMESTAMPTZ;
ALTER TABLE sessions ADD COLUMN auth_by_code BOOLEAN;
CREATE INDEX sessions_by_parent ON sessions (parent_id) WHERE parent_id IS NOT NULL;

-- Codes that clients get by way of the browser, each used once. A used one stays for a day, so that one that
-- comes back ends what it opened.
CREATE TABLE authorization_codes (
    code_hash      BYTEA       PRIMARY KEY CHECK (octet_length(code_hash) = 32),
    client_id      TEXT        NOT NULL,
    redirect_uri   TEXT        NOT NULL,
    -- That of PKCE (S256); null where the client need not send one.
    challenge      TEXT,
    nonce          TEXT,
    scope          TEXT        NOT NULL,
    user_id        UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The sign-on in the browser, and its proof.
    sso_session_id UUID        NOT NULL,
    auth_time      TIMESTAMPTZ NOT NULL,
    auth_by_code   BOOLEAN     NOT NULL,
    expires_at     TIMESTAMPTZ NOT NULL,
    used_at        TIMESTAMPTZ,
    -- What it has opened.
    session_id     UUID,
    CHECK ((used_at IS NULL) = (session_id IS NULL))
);
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);
