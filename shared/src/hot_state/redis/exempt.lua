-- Exempts a number from limits.
--
-- KEYS  1 exemptions
-- ARGV  1 number, 2 what is kept of it, 3 how many there may be, 4 now, 5 how long the longest lasts
-- Reply 1, or 0 where there are too many
local there = redis.call('HGETALL', KEYS[1])
for i = 1, #there, 2 do
  if tonumber(string.match(there[i + 1], '"until":(%d+)') or 0) <= tonumber(ARGV[4]) then
    redis.call('HDEL', KEYS[1], there[i])
  end
end
local is_new = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
if is_new and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
