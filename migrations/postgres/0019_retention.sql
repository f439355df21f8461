-- How far each sort of old rows was removed, so that whoever goes on begins where the last one ended. The row of
-- a sort is locked by whoever is at it.
CREATE TABLE retention_progress (
    what       TEXT        PRIMARY KEY,
    -- Everything before this moment is done.
    done_until TIMESTAMPTZ NOT NULL
);
INSERT INTO retention_progress (what, done_until) VALUES
    ('sessions', '1970-01-01T00:00:00+00:00'),
    ('challenge_uses', '1970-01-01T00:00:00+00:00'),
    ('send_numbers', '1970-01-01T00:00:00+00:00'),
    ('sends', '1970-01-01T00:00:00+00:00'),
    ('notices', '1970-01-01T00:00:00+00:00'),
    ('audit_log', '1970-01-01T00:00:00+00:00');
