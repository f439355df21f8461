#!lua flags=allow-oom
-- Closes a root whose code had its effect, for those too who came with the number only.
-- KEYS 1 root
local record = redis.call('HMGET', KEYS[1], 'p', 'y')
if not record[1] then return 0 end
if not record[2] or record[2] == 'phone' then redis.call('HSET', KEYS[1], 'x', 1, 'y', '-') end
return 1
