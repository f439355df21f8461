#!lua flags=allow-oom
-- Admits calls of the gateway that are asked for at the same time, in order, or says when to ask again; the breaker
-- first, then the rate (GCRA). A call that waits no longer than its patience has its place reserved.
--
-- KEYS  1 breaker, 2 rate
-- ARGV  1 now or '', 2 calls a second at the full rate, 3 burst, 4 recovery step, 5 recovery steps,
--       6 what a probe takes, 7 the longest time to a probe, 8 the longest patience of any caller; then
--       the patience of each (all times in milliseconds)
-- Reply {outcome, milliseconds, code} for each
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local full, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local recovery_step, recovery_steps = tonumber(ARGV[4]), tonumber(ARGV[5])
local probe_takes, longest_probe = tonumber(ARGV[6]), tonumber(ARGV[7])
local longest_patience = tonumber(ARGV[8])
local FIRST = 9

local replies = {}
local breaker = redis.call('HMGET', KEYS[1], 'code', 'probe_at', 'probing')
if breaker[1] then
  local retry = probe_takes
  if breaker[3] ~= '1' then
    retry = math.min(longest_probe, math.max(0, tonumber(breaker[2]) - now)) + probe_takes
  end
  for i = FIRST, #ARGV do replies[#replies + 1] = { 'closed', retry, tonumber(breaker[1]) } end
  return replies
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
local taken = tonumber(rate[1] or 0)
-- No caller takes a place that lies further away: it was taken before the clock was set back.
if taken > now + longest_patience + math.max(burst, step) then taken = now end
local longest
for i = FIRST, #ARGV do
  local patience = tonumber(ARGV[i])
  local arrival = math.max(now, taken) + step
  local wait = math.ceil(arrival - now - math.max(burst, step))
  if wait > patience then
    replies[#replies + 1] = { 'wait', wait - patience, 0 }
  else
    taken, longest = arrival, math.max(longest or 0, patience)
    replies[#replies + 1] = { 'go', math.max(0, wait), 0 }
  end
end
if longest then
  redis.call('HSET', KEYS[2], 'arrival', string.format('%.3f', taken))
  redis.call('PEXPIRE', KEYS[2], 2 * recovery_step * recovery_steps + longest)
end
return replies
