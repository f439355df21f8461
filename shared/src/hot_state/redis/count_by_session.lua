#!lua flags=allow-oom
-- Counts attempts with session ids that came at the same time, one after the other, and only then honours the
-- verdict that the API has reached on each. The API compared the code with what it had read; here it is made sure that
-- challenge and root are still those. The first right code closes the root in the same step.
--
-- KEYS  of each attempt: 1 root, 2 challenge as one that joined a root, 3 challenge as one that began a root, and then
--       where a right code proves its number (limits.lua)
-- ARGV  1 now or '', 2 attempts allowed, 3 the longest life of a root, 4 how long a right code may be repeated; then of
--       each attempt: 1 how many keys are its own, 2 id of the challenge, 3 id of the root, 4 its salt, 5 '1' where the
--       code was right
-- Reply of each {verdict, attempts left}, or the text of what is in the way
local MOVED_ON = 1000 -- attempts at a challenge that went on from the root that it began to another
local now, allowed = time_of(ARGV[1]), tonumber(ARGV[2])
local max_life, repeated_for = tonumber(ARGV[3]), tonumber(ARGV[4])

-- Root and challenge are one record where the challenge began the root and is still on it.
local function look_at_both(root_key, joined, beginner, id, root)
  if root == id then
    local both = redis.call('HMGET', root_key, 's', 'x', 'y', 'c', 'e', 'a')
    if both[5] and tonumber(both[6] or 0) < MOVED_ON then
      return both, root_key, { both[5], both[6] }
    end
  end
  local key = joined
  local own = redis.call('HMGET', key, 'e', 'a', 'o')
  if not own[1] then
    key = beginner
    own = redis.call('HMGET', key, 'e', 'a', 'o')
  end
  return redis.call('HMGET', root_key, 's', 'x', 'y', 'c'), key, own
end

local function count_one(keys, last_key, id, root, salt, right)
  local root_key = KEYS[keys]
  local of_root, key, own = look_at_both(root_key, KEYS[keys + 1], KEYS[keys + 2], id, root)
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
  redis.call('HSET', root_key, 'x', 1, 'y', id)
  for i = keys + 3, last_key do prove(KEYS[i], now) end
  if expires < now + repeated_for then
    redis.call('HSET', key, 'e', string.format('%.0f', now + repeated_for))
  end
  return { 'right', left }
end

local replies, next_key = {}, 1
for first = 5, #ARGV, 5 do
  local last_key = next_key + ARGV[first] - 1
  local done, reply = pcall(count_one, next_key, last_key, ARGV[first + 1], ARGV[first + 2], ARGV[first + 3],
    ARGV[first + 4] == '1')
  -- What is stored for one is in nobody else's way. What Redis refuses to everybody, it refuses before a script with
  -- flags begins.
  if not done then reply = type(reply) == 'table' and reply.err or tostring(reply) end
  replies[#replies + 1] = reply
  next_key = last_key + 1
end
return replies
