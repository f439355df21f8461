#!lua flags=allow-oom
-- Halves the rate of calls, at most once in a recovery step.
-- KEYS  1 rate
-- ARGV  1 now or '', 2 recovery step in milliseconds, 3 recovery steps
-- Reply 1 if it was halved
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local recovery_step, recovery_steps = tonumber(ARGV[2]), tonumber(ARGV[3])
local rate = redis.call('HMGET', KEYS[1], 'share', 'slowed_at')
local slowed_at = tonumber(rate[2] or 0)
if slowed_at > now then slowed_at = 0 end -- the clock was set back since
local steps = math.floor((now - slowed_at) / recovery_step)
if steps < 1 then return 0 end
local share = math.min(1, tonumber(rate[1] or 1) + steps / recovery_steps)
redis.call('HSET', KEYS[1], 'share', string.format('%.6f', share / 2), 'slowed_at',
  string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], 2 * recovery_step * recovery_steps)
return 1
