-- Counts one attempt with a session id, and only then honours the verdict that the API has reached.
-- The API compared the code with what it had read; here it is made sure that challenge and root are
-- still those. The first right code closes the root in the same step.
--
-- KEYS  1 root, 2 challenge as one that began a root, 3 challenge as one that joined a root
-- ARGV  1 now or '', 2 attempts allowed, 3 id of the challenge, 4 id of the root, 5 its salt, 6 '1'
--       where the code was right
-- Reply {verdict, attempts left}
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local allowed, id, root, salt, right = tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local of_root = redis.call('HMGET', KEYS[1], 's', 'x', 'y')
local key = KEYS[2]
local own = redis.call('HMGET', key, 'e', 'a', 'o')
if not own[1] then
  key = KEYS[3]
  own = redis.call('HMGET', key, 'e', 'a', 'o')
end
if of_root[1] ~= salt or not own[1] or (own[3] or id) ~= root then return { 'gone', 0 } end
if now >= tonumber(own[1]) then
  -- For good, whatever becomes of the clock.
  redis.call('HSET', key, 'e', 0)
  return { 'expired', 0 }
end
if tonumber(own[2] or 0) >= allowed then return { 'exhausted', 0 } end
local left = allowed - redis.call('HINCRBY', key, 'a', 1)
if not right then return { 'wrong', left } end
if of_root[2] == '1' then
  -- Whoever closed it may come again: only the records know whether the code had its effect.
  return { (of_root[3] or root) == id and 'right' or 'used', left }
end
redis.call('HSET', KEYS[1], 'x', 1, 'y', id)
return { 'right', left }
