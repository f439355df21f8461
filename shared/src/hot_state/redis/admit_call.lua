#!lua flags=allow-oom
-- Admits one call of the gateway, or says when to ask again; the breaker first, then the rate (GCRA).
-- A call that waits no longer than its patience has its place reserved.
--
-- KEYS  1 breaker, 2 rate
-- ARGV  1 now or '', 2 calls a second at the full rate, 3 patience, 4 burst, 5 recovery step,
--       6 recovery steps, 7 what a probe takes, 8 the longest time to a probe, 9 the longest patience
--       of any caller (all times in milliseconds)
-- Reply {outcome, milliseconds, code}
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local full, patience, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local recovery_step, recovery_steps = tonumber(ARGV[5]), tonumber(ARGV[6])
local probe_takes, longest_probe = tonumber(ARGV[7]), tonumber(ARGV[8])
local longest_patience = tonumber(ARGV[9])

local breaker = redis.call('HMGET', KEYS[1], 'code', 'probe_at', 'probing')
if breaker[1] then
  local retry = probe_takes
  if breaker[3] ~= '1' then
    retry = math.min(longest_probe, math.max(0, tonumber(breaker[2]) - now)) + probe_takes
  end
  return { 'closed', retry, tonumber(breaker[1]) }
end

local rate = redis.call('HMGET', KEYS[2], 'arrival', 'share', 'slowed_at')
local slowed_at = tonumber(rate[3] or 0)
if slowed_at > now then -- the clock was set back since: the rate recovers from now on
  slowed_at = now
  redis.call('HSET', KEYS[2], 'slowed_at', string.format('%.0f', now))
end
local steps = math.floor((now - slowed_at) / recovery_step)
local share = math.min(1, tonumber(rate[2] or 1) + steps / recovery_steps)
local step = 1000 / math.max(1, full * share)
local stored = tonumber(rate[1] or 0)
-- No caller takes a place that lies further away: it was taken before the clock was set back.
if stored > now + longest_patience + math.max(burst, step) then stored = now end
local arrival = math.max(now, stored) + step
local wait = math.ceil(arrival - now - math.max(burst, step))
if wait > patience then return { 'wait', wait - patience, 0 } end
redis.call('HSET', KEYS[2], 'arrival', string.format('%.3f', arrival))
redis.call('PEXPIRE', KEYS[2], 2 * recovery_step * recovery_steps + patience)
return { 'go', math.max(0, wait), 0 }
