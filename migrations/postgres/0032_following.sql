-- Who follows deliveries is in Redis in this shape; see shared/src/hot_state/following.rs. The number is kept so that
-- both folders tell one history.
SELECT 1;
