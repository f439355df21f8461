-- The ledger has a row for each try on one route (a leg), so that a message which one gateway does not take can go
-- over another, and knows messages by the gateway and its own number, as text: each gateway has its own.
-- What is here already was one try over the one gateway there was.
--
-- `migrate` makes all of this beforehand where the table is in use, the indexes without stopping those who write
-- (migrations/src/online.rs); then nothing is left to be done here.
SET LOCAL lock_timeout = '5s';
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_attribute
        WHERE attrelid = 'sends'::regclass AND attname = 'leg' AND NOT attisdropped) THEN
        ALTER TABLE sends
            ADD COLUMN leg BIGINT NOT NULL DEFAULT 1,
            ADD COLUMN route TEXT NOT NULL DEFAULT 'kavenegar',
            ADD COLUMN message_id TEXT;
    END IF;
    -- The key of before, without the leg, is there for one more release: the programs of before name it.
    IF to_regclass('sends_by_leg') IS NULL THEN
        CREATE UNIQUE INDEX sends_by_leg ON sends (challenge_id, send_number, leg);
    END IF;
    -- The number as the programs of before write it stands for the text.
    IF to_regclass('sends_by_message') IS NULL THEN
        CREATE UNIQUE INDEX sends_by_message
            ON sends (route, COALESCE(message_id, CAST(messageid AS TEXT)));
    END IF;
END $$;
