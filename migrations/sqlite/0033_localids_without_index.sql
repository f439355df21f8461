-- A file keeps the index of local ids: to take it away means to write the whole table anew. The number is kept so that
-- both folders tell one history.
SELECT 1;
