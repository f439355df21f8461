-- The queue is a Redis stream in this shape; see shared/src/queue. The number is kept so that both
-- folders tell one history.
SELECT 1;
