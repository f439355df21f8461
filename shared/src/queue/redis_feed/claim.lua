#!lua flags=allow-oom
-- Takes over one job whose worker shows no life.
-- KEYS 1 stream; ARGV 1 group, 2 consumer, 3 idle milliseconds
-- Reply {id, fields, deliveries}, or nothing
for _ = 1, 100 do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], '-', '+', 1)[1]
  if not pending then return nil end
  local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], pending[1])[1]
  -- An entry that was deleted from the stream is dropped from the pending list by XCLAIM.
  if claimed then return { claimed[1], claimed[2], pending[4] + 1 } end
end
return nil
