-- People sign in to other sites and apps through ours (OpenID Connect).

-- A session that was opened for a client: whose it is, what it may, and the sign-on in the browser that it came
-- from, whose proof it carries on. Null in a session of our own.
ALTER TABLE sessions ADD COLUMN client_id TEXT;
ALTER TABLE sessions ADD COLUMN scope TEXT;
ALTER TABLE sessions ADD COLUMN parent_id BLOB;
ALTER TABLE sessions ADD COLUMN auth_time TEXT;
ALTER TABLE sessions ADD COLUMN auth_by_code BOOLEAN;
CREATE INDEX sessions_by_parent ON sessions (parent_id) WHERE parent_id IS NOT NULL;

-- Codes that clients get by way of the browser, each used once. A used one stays for a day, so that one that
-- comes back ends what it opened.
CREATE TABLE authorization_codes (
    code_hash      BLOB    PRIMARY KEY CHECK (length(code_hash) = 32),
    client_id      TEXT    NOT NULL,
    redirect_uri   TEXT    NOT NULL,
    -- That of PKCE (S256); null where the client need not send one.
    challenge      TEXT,
    nonce          TEXT,
    scope          TEXT    NOT NULL,
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The sign-on in the browser, and its proof.
    sso_session_id BLOB    NOT NULL,
    auth_time      TEXT    NOT NULL,
    auth_by_code   BOOLEAN NOT NULL,
    expires_at     TEXT    NOT NULL,
    used_at        TEXT,
    -- What it has opened.
    session_id     BLOB,
    CHECK ((used_at IS NULL) = (session_id IS NULL))
);
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);

-- What clients have asked for and nobody has answered yet; in the other shape it is in Redis.
CREATE TABLE hot_authorization_requests (
    id         BLOB    PRIMARY KEY CHECK (length(id) = 32),
    body       TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX hot_authorization_requests_by_end ON hot_authorization_requests (expires_at);
