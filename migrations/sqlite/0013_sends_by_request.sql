-- The messages of a request. Apart from the new column, so that the lock that a column needs is short.
CREATE INDEX sends_by_request ON sends (request_id) WHERE request_id IS NOT NULL;
