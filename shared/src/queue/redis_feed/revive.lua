-- Puts a dead letter back among the delayed jobs, due at once: what comes from there is no fresh job to the guards.
--
-- KEYS  1 dead letters, 2 delayed jobs
-- ARGV  1 id, 2 now or ''
-- Reply 1, or 0 where there is none
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return 0 end
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
for i = 1, #entry[2], 2 do
  if entry[2][i] == 'j' then redis.call('ZADD', KEYS[2], now, '0:' .. entry[2][i + 1]) end
end
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
