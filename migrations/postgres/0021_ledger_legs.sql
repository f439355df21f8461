-- The ledger has a row for each try on one route (a leg), so that a message which one gateway does not take can go
-- over another, and knows messages by the gateway and its own number, as text: each gateway has its own.
-- What is here already was one try over the one gateway there was.
--
-- Whether the look that follows an erasure was made, so that it is made by another where its process has stopped.
--
-- A code that was used stays used: nobody takes that away from it before a day is over, whatever a program may
-- remove. (A code lives ten minutes.)
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
    IF NOT EXISTS (SELECT 1 FROM pg_attribute
        WHERE attrelid = 'number_erasures'::regclass AND attname = 'looked_at' AND NOT attisdropped) THEN
        ALTER TABLE number_erasures ADD COLUMN looked_at TIMESTAMPTZ;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_trigger
        WHERE tgrelid = 'challenge_uses'::regclass AND tgname = 'challenge_uses_stay') THEN
        CREATE OR REPLACE FUNCTION challenge_uses_stay() RETURNS trigger LANGUAGE plpgsql
            AS $stay$ BEGIN RAISE EXCEPTION 'a code that was used stays used' USING ERRCODE = 'insufficient_privilege'; END $stay$;
        CREATE TRIGGER challenge_uses_stay BEFORE DELETE ON challenge_uses FOR EACH ROW
            WHEN (OLD.used_at > CURRENT_TIMESTAMP - INTERVAL '1 day')
            EXECUTE FUNCTION challenge_uses_stay();
    END IF;
END $$;
