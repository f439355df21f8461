-- Numbers that were drawn from 63 bits need no index to tell them apart: it was one more random page for each message.
-- Where two are the same all the same, the gateway's answer is about another receptor, and the worker draws again.
--
-- `migrate` does this beforehand where the table is in use (migrations/src/online.rs).
SET LOCAL lock_timeout = '5s';
ALTER TABLE sends DROP CONSTRAINT IF EXISTS sends_localid_key;
