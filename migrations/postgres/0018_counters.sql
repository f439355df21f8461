-- What lives minutes is in Redis in this shape; see shared/src/hot_state/limits.rs. The number is kept
-- so that both folders tell one history.
SELECT 1;
