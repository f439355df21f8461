-- What became of each message: one row per challenge and send, written before the gateway is called.
CREATE TABLE sends (
    challenge_id        BLOB    NOT NULL CHECK (length(challenge_id) = 16),
    send_number         INTEGER NOT NULL,
    -- E.164. Null once its owner's account is deleted.
    phone               TEXT,
    purpose             TEXT    NOT NULL,
    channel             TEXT    NOT NULL,
    -- The gateway's method; null while no attempt was made.
    method              TEXT    CHECK (method IN ('lookup', 'send')),
    state               TEXT    NOT NULL CHECK (state IN
        ('sending', 'accepted', 'refused', 'expired', 'unknown', 'not_sent')),
    -- Attempts begun; with the fence it tells whose outcome may be recorded.
    attempt             INTEGER NOT NULL,
    -- The run of the job that made the present attempt.
    fence               INTEGER NOT NULL,
    -- Our number for the message at the gateway, the same in every attempt.
    localid             INTEGER UNIQUE,
    -- The gateway's number for the message.
    messageid           INTEGER UNIQUE,
    cost_rials          INTEGER,
    -- The status of the answer and the status of its entry (gateway manual).
    gateway_status      INTEGER,
    entry_status        INTEGER,
    error_class         TEXT,
    -- Sent once more although the first message may have gone out.
    resent_ambiguous    BOOLEAN NOT NULL DEFAULT FALSE,
    -- When the request was accepted and from when on the message would come too late.
    accepted_at         TEXT    NOT NULL,
    deadline_at         TEXT    NOT NULL,
    -- Begin and end of the present attempt.
    started_at          TEXT,
    finished_at         TEXT,
    -- What the gateway says about the delivery; a row is asked about when its next check is due.
    delivery_status     INTEGER,
    delivery_checked_at TEXT,
    next_check_at       TEXT,
    delivered_at        TEXT,
    trace_id            TEXT,
    created_at          TEXT    NOT NULL,
    updated_at          TEXT    NOT NULL,
    PRIMARY KEY (challenge_id, send_number),
    CHECK (state <> 'sending'
        OR (method IS NOT NULL AND localid IS NOT NULL AND started_at IS NOT NULL))
);
-- The timeline of a number.
CREATE INDEX sends_by_phone ON sends (phone, created_at);
-- Lists by time, and the end of the retention.
CREATE INDEX sends_by_creation ON sends (created_at);
-- Delivery polling.
CREATE INDEX sends_by_next_check ON sends (next_check_at) WHERE next_check_at IS NOT NULL;
