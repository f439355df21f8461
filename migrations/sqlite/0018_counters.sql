-- Counters of limits over the present span and the one before: budgets, shares of capacity, and how many
-- numbers were proven from an address or a group.
CREATE TABLE hot_counters (
  key TEXT PRIMARY KEY,
  -- The number of the span since 1970.
  slot INTEGER NOT NULL,
  count INTEGER NOT NULL,
  before INTEGER NOT NULL,
  -- How many took part in what was counted.
  parts INTEGER NOT NULL DEFAULT 0,
  parts_before INTEGER NOT NULL DEFAULT 0,
  forget_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX hot_counters_forget ON hot_counters (forget_at);
