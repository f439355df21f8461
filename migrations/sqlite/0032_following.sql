-- Which worker follows the deliveries of a route, and until when. In production this is a key of Redis; see
-- shared/src/hot_state/following.rs. Times are milliseconds since the Unix epoch.

CREATE TABLE hot_following (
  route TEXT PRIMARY KEY,
  holder BLOB NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;
