-- A refresh whose answer was lost is answered once more for some minutes, but not generation after
-- generation: when a retired token came back late for the first time.
SET LOCAL lock_timeout = '5s';
ALTER TABLE refresh_tokens ADD COLUMN repeated_late_at TIMESTAMPTZ;
