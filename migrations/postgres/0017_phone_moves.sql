-- Numbers that staff move because the old one is lost, each after a wait in which its owner can stop it. A row
-- goes when the move is made, stopped or no longer possible; the audit log keeps what became of it.
CREATE TABLE phone_moves (
    user_id  UUID        PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- E.164: the number that the account shall get.
    phone    TEXT        NOT NULL UNIQUE,
    asked_at TIMESTAMPTZ NOT NULL,
    due_at   TIMESTAMPTZ NOT NULL
);
CREATE INDEX phone_moves_by_due ON phone_moves (due_at);
