#!lua flags=allow-oom
-- Takes or renews the right to follow the deliveries of a route.
--
-- KEYS  1 who follows
-- ARGV  1 now or '', 2 who asks, 3 life of the right (milliseconds)
-- Reply 1, or 0 where another has it
local following, asks, life = KEYS[1], ARGV[2], tonumber(ARGV[3])
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local record = redis.call('HMGET', following, 'holder', 'until')
local ends = tonumber(record[2] or 0)
-- A right that ends later than any is over: the clock was set back since.
if record[1] and record[1] ~= asks and now < ends and ends <= now + life then return 0 end
redis.call('HSET', following, 'holder', asks, 'until', string.format('%.0f', now + life))
redis.call('PEXPIRE', following, 2 * life)
return 1
