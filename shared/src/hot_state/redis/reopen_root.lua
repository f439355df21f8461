#!lua flags=allow-oom
-- Opens a root again that a right code has closed and whose code had no effect.
-- KEYS 1 root
if redis.call('HGET', KEYS[1], 'y') ~= '-' then redis.call('HDEL', KEYS[1], 'x', 'y') end
return 1
