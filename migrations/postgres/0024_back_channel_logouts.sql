-- Sites and apps that have to be told that somebody logged out (OpenID Connect Back-Channel Logout). A row is
-- written with whatever ends the session, by whichever program, and goes when the client has heard of it or a day
-- later. There is one for a client and a sign-on in a browser at most.
SET LOCAL lock_timeout = '5s';

CREATE TABLE back_channel_logouts (
    client_id  TEXT        NOT NULL,
    -- The sign-on in the browser, which the ID tokens of the client name.
    sid        UUID        NOT NULL,
    user_id    UUID        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    due_at     TIMESTAMPTZ NOT NULL,
    attempts   BIGINT      NOT NULL,
    PRIMARY KEY (client_id, sid)
);
CREATE INDEX back_channel_logouts_by_due ON back_channel_logouts (due_at);

-- Of a sign-on: all clients that it has let in. Of a session of a client: that one, unless it gave it back itself or
-- has heard of the sign-on before.
-- What finds no client writes nothing, so that whoever ends other sessions needs no right to the table.
CREATE FUNCTION note_back_channel_logouts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.client_id IS NULL THEN
        IF EXISTS (SELECT 1 FROM sessions WHERE parent_id = NEW.id AND client_id IS NOT NULL) THEN
            INSERT INTO back_channel_logouts (client_id, sid, user_id, created_at, due_at, attempts)
            SELECT DISTINCT client_id, NEW.id, user_id, NEW.revoked_at, NEW.revoked_at, 0 FROM sessions
            WHERE parent_id = NEW.id AND client_id IS NOT NULL
              AND (revoked_at IS NULL OR revoked_at = NEW.revoked_at)
            ON CONFLICT DO NOTHING;
        END IF;
    ELSIF NEW.parent_id IS NOT NULL AND NEW.revoked_reason <> 'revoked' AND NOT EXISTS (
        SELECT 1 FROM sessions WHERE id = NEW.parent_id AND revoked_at < NEW.revoked_at
    ) THEN
        INSERT INTO back_channel_logouts (client_id, sid, user_id, created_at, due_at, attempts)
        VALUES (NEW.client_id, NEW.parent_id, NEW.user_id, NEW.revoked_at, NEW.revoked_at, 0)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER sessions_note_back_channel_logouts AFTER UPDATE OF revoked_at ON sessions
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION note_back_channel_logouts();
