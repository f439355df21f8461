-- Numbers whose account was deleted a moment ago, as keyed hashes: what was asked for before is written to the
-- ledger without its number. A row goes after two days.
CREATE TABLE number_erasures (
    number_hash BLOB        PRIMARY KEY CHECK (length(number_hash) = 32),
    erased_at   TEXT        NOT NULL
);
