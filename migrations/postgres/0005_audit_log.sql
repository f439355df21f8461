-- Who changed what by hand. Rows are added and, when their retention ends, removed; never changed.
CREATE TABLE audit_log (
    id         UUID        PRIMARY KEY,
    at         TIMESTAMPTZ NOT NULL,
    -- Where it was done: 'admin_console', 'command_line' or 'system'.
    source     TEXT        NOT NULL,
    -- The user who did it, if one did. No foreign keys here: the log outlives users.
    actor_id   UUID,
    action     TEXT        NOT NULL,
    -- The user to whom it was done, or another object by its kind and public id.
    subject_id UUID,
    object     TEXT,
    address    TEXT,
    -- Facts of the action as JSON; never a code, a token, a secret or a whole phone number.
    details    JSONB       NOT NULL,
    trace_id   TEXT
);
CREATE INDEX audit_log_by_time ON audit_log (at);
CREATE INDEX audit_log_by_subject ON audit_log (subject_id, at);
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, at);
