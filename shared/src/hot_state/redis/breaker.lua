#!lua flags=allow-oom
-- Moves the breaker. It is open while it has a code.
--
-- KEYS  1 breaker
-- ARGV  1 now or '', 2 what happens: 'refused' (a call was refused for the whole account),
--       'take_probe', 'probe_failed' or 'probe_succeeded', 3 the gateway's code or the lease of the
--       probe, 4 first time to a probe, 5 longest, 6 grace, 7 time of a relapse (milliseconds)
-- Reply 1 if that changed anything
local breaker, what, extra = KEYS[1], ARGV[2], ARGV[3]
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local first, longest, grace, relapse =
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local record = redis.call('HMGET', breaker, 'code', 'probe_at', 'wait', 'closed_at')
local open, wait = record[1] ~= false, tonumber(record[3] or 0)

local function number(value) return string.format('%.0f', value) end
local function probe_after(time)
  redis.call('HSET', breaker, 'probe_at', number(now + time), 'until', number(now + time + grace))
end

if what == 'refused' then
  if open then return 0 end
  local closed_at = tonumber(record[4] or 0)
  if closed_at <= now and now < closed_at + relapse then
    wait = math.max(first, math.min(longest, 2 * wait))
  else
    wait = first
  end
  redis.call('HSET', breaker, 'code', extra, 'since', number(now), 'wait', wait, 'probing', 0)
  probe_after(wait)
elseif not open then
  return 0
elseif what == 'take_probe' then
  local due = tonumber(record[2])
  -- One that lies further away than any is due: the clock was set back since.
  if now < due and due <= now + longest + grace then return 0 end
  redis.call('HSET', breaker, 'probing', 1)
  probe_after(tonumber(extra))
elseif what == 'probe_failed' then
  wait = math.min(longest, 2 * wait)
  redis.call('HSET', breaker, 'wait', wait, 'probing', 0)
  probe_after(wait)
else
  redis.call('HDEL', breaker, 'code', 'since', 'until', 'probe_at', 'probing')
  redis.call('HSET', breaker, 'closed_at', number(now))
  redis.call('PEXPIRE', breaker, 2 * relapse)
  return 1
end
redis.call('PERSIST', breaker)
return 1
