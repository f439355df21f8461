-- Counts one request of a client address that asks for no code, in the bucket that accept.lua keeps
-- for those that do.
--
-- KEYS  1 bucket of the address
-- ARGV  1 the time, or nothing for that of Redis, 2 requests a minute
-- Reply the milliseconds to wait, and then nothing was counted; 0 when it was
local address = KEYS[1]
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local step = 60000 / tonumber(ARGV[2])
local arrival = math.max(now, tonumber(redis.call('GET', address) or 0))
if arrival > now + 60000 + step then arrival = now end -- no clock that goes on comes so far
local wait = arrival + step - now - 60000
if wait > 0 then return math.ceil(wait) end
redis.call('SET', address, string.format('%.3f', arrival + step), 'PX', 120000)
return 0
