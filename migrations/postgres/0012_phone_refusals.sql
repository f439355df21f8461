-- What lives minutes is in Redis in this shape; see shared/src/hot_state/phone_state.rs. The number is
-- kept so that both folders tell one history.
SELECT 1;
