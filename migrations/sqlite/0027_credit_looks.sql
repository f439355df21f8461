-- What the workers have seen of the credit at the gateway: a row for each look, for a week, so that staff see how it
-- goes down. Several workers look; of those of one moment one is kept.
CREATE TABLE credit_looks (
    route         TEXT    NOT NULL,
    looked_at     TEXT    NOT NULL,
    credit_rials  INTEGER NOT NULL,
    -- What messages cost a day at present; null while nobody has added it up.
    rials_a_day   INTEGER,
    PRIMARY KEY (route, looked_at)
);
