#!lua flags=allow-oom
-- Counts one attempt with a session id, and only then honours the verdict that the API has reached.
-- The API compared the code with what it had read; here it is made sure that challenge and root are
-- still those. The first right code closes the root in the same step.
--
-- KEYS  1 root, 2 challenge as one that joined a root, 3 challenge as one that began a root, and then
--       where a right code proves its number (limits.lua)
-- ARGV  1 now or '', 2 attempts allowed, 3 id of the challenge, 4 id of the root, 5 its salt, 6 '1'
--       where the code was right, 7 the longest life of a root, 8 how long a right code may be repeated
-- Reply {verdict, attempts left}
local now = time_of(ARGV[1])
local allowed, id, root, salt, right = tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local max_life, repeated_for = tonumber(ARGV[7]), tonumber(ARGV[8])
local of_root = redis.call('HMGET', KEYS[1], 's', 'x', 'y', 'c')
local key = KEYS[2]
local own = redis.call('HMGET', key, 'e', 'a', 'o')
if not own[1] then
  key = KEYS[3]
  own = redis.call('HMGET', key, 'e', 'a', 'o')
end
if of_root[1] ~= salt or not own[1] or (own[3] or id) ~= root then return { 'gone', 0 } end
local expires, attempts = tonumber(own[1]), tonumber(own[2] or 0)
if now >= expires then
  -- For good, whatever becomes of the clock.
  redis.call('HSET', key, 'e', 0)
  return { 'expired', 0 }
end
local closed = of_root[2] == '1'
-- Anyone who closed it may come again, because the answer may have been lost: only the records know whether
-- the code had its effect. That costs a look at them, so it has an end too.
local again = right and closed and (of_root[3] or root) == id
if attempts >= (again and 2 * allowed or allowed) then return { 'exhausted', 0 } end
redis.call('HINCRBY', key, 'a', 1)
local left = math.max(0, allowed - attempts - 1)
-- A root that is over has no right code: its own end is not told, because others share it.
if not right or now >= tonumber(of_root[4]) + max_life and not again then return { 'wrong', left } end
if closed then return { again and 'right' or 'used', left } end
redis.call('HSET', KEYS[1], 'x', 1, 'y', id)
for i = 4, #KEYS do prove(KEYS[i], now) end
if expires < now + repeated_for then
  redis.call('HSET', key, 'e', string.format('%.0f', now + repeated_for))
end
return { 'right', left }
