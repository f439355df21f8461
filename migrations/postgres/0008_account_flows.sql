-- Refreshing, the flow of steps, notices and imports.

-- Set when a token is retired: with the token itself it gives its successor, so that a client whose
-- answer was lost gets the same one again. Alone it gives nothing.
ALTER TABLE refresh_tokens ADD COLUMN successor_salt BYTEA
    CHECK (octet_length(successor_salt) = 16);

-- Where somebody stands in the flow of steps. The id is a secret of the client; a step that is taken
-- removes its row, so that it cannot be taken again.
CREATE TABLE step_sessions (
    id_hash    BYTEA       PRIMARY KEY CHECK (octet_length(id_hash) = 32),
    phone      TEXT        NOT NULL,
    next_step  TEXT        NOT NULL CHECK (next_step IN ('password', 'set_password', 'user_info')),
    -- Whose step it is; null before there is a user.
    user_id    UUID        REFERENCES users (id) ON DELETE CASCADE,
    -- Whether this flow created the user.
    new_user   BOOLEAN     NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX step_sessions_by_end ON step_sessions (expires_at);

-- Messages that tell people of a change of their account, written together with the change. A row
-- whose job was not put into the queue yet is put there by whoever finds it.
CREATE TABLE notices (
    id          UUID        PRIMARY KEY,
    phone       TEXT        NOT NULL,
    kind        TEXT        NOT NULL,
    locale      TEXT        NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    deadline_at TIMESTAMPTZ NOT NULL,
    enqueued_at TIMESTAMPTZ
);
CREATE INDEX notices_waiting ON notices (created_at) WHERE enqueued_at IS NULL;
CREATE INDEX notices_by_phone ON notices (phone);

-- How far each file of users was imported, written together with the users.
CREATE TABLE user_imports (
    -- SHA-256 of the file.
    digest     BYTEA       PRIMARY KEY CHECK (octet_length(digest) = 32),
    rows_done  BIGINT      NOT NULL,
    imported   BIGINT      NOT NULL,
    refused    BIGINT      NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
