-- The ledger has a row for each try on one route (a leg), so that a message which one gateway does not take can go
-- over another, and knows messages by the gateway and its own number, as text: each gateway has its own.
-- What is here already was one try over the one gateway there was.
ALTER TABLE sends ADD COLUMN leg INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sends ADD COLUMN route TEXT NOT NULL DEFAULT 'kavenegar';
ALTER TABLE sends ADD COLUMN message_id TEXT;
-- The key of before, without the leg, is there for one more release: the programs of before name it.
CREATE UNIQUE INDEX sends_by_leg ON sends (challenge_id, send_number, leg);
-- The number as the programs of before write it stands for the text.
CREATE UNIQUE INDEX sends_by_message
    ON sends (route, COALESCE(message_id, CAST(messageid AS TEXT)));
-- Whether the look that follows an erasure was made, so that it is made by another where its process has stopped.
ALTER TABLE number_erasures ADD COLUMN looked_at TEXT;
-- A code that was used stays used: nobody takes that away from it before a day is over.
CREATE TRIGGER challenge_uses_stay BEFORE DELETE ON challenge_uses
    WHEN OLD.used_at > strftime('%Y-%m-%dT%H:%M:%f', 'now', '-1 day')
BEGIN
    SELECT RAISE(ABORT, 'a code that was used stays used');
END;
