#!lua flags=allow-oom
-- Gives the right to follow the deliveries of a route back.
--
-- KEYS  1 who follows
-- ARGV  1 who gives it back
-- Reply 1, or 0 where they did not have it
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
