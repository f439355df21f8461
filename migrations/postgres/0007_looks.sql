-- Finding out what became of a message of unknown fate: how many looks at the gateway did not find
-- the message of the present attempt, and when the last of them was.
ALTER TABLE sends ADD COLUMN looks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sends ADD COLUMN looked_at TIMESTAMPTZ;
