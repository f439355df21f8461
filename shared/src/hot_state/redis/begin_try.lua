-- Counts one try as a failure, or refuses it. Both rules are checked before anything is written.
--
-- KEYS  1 failures of the phone, 2 failures of the address
-- ARGV  1 now or '', 2 failures that lock a phone, 3 how long a lock lasts, then for the address
--       either 4 'locked', 5 failures, or 4 'throttled', 5 milliseconds for one failure, 6 burst
-- Reply {rule or '', milliseconds until a try is allowed}
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local phone, address = KEYS[1], KEYS[2]
local lock = tonumber(ARGV[3])

-- n: failures, l: the last of them. After a lock's time they are forgotten.
local function failures(key, most)
  local record = redis.call('HMGET', key, 'n', 'l')
  local count, last = tonumber(record[1] or 0), tonumber(record[2] or 0)
  if last > now then -- the clock was set back since: no lock lasts longer for that
    last = now
    redis.call('HSET', key, 'l', string.format('%.0f', now))
  end
  if now >= last + lock then return 0, 0 end
  return count, count >= most and last + lock - now or 0
end
local function count(key, n)
  redis.call('HSET', key, 'n', n + 1, 'l', string.format('%.0f', now))
  redis.call('PEXPIRE', key, 2 * lock)
end

local of_phone, wait_of_phone = failures(phone, tonumber(ARGV[2]))
local of_address, wait_of_address, arrival = 0, 0, 0
local throttled = ARGV[4] == 'throttled'
if throttled then
  local step, burst = tonumber(ARGV[5]), tonumber(ARGV[6])
  local stored = tonumber(redis.call('HGET', address, 't') or 0)
  if stored > now + burst * step then stored = now end -- no clock that goes on comes so far
  arrival = math.max(now, stored) + step
  wait_of_address = math.ceil(arrival - now - burst * step)
else
  of_address, wait_of_address = failures(address, tonumber(ARGV[5]))
end
if wait_of_phone > 0 or wait_of_address > 0 then
  if wait_of_address > wait_of_phone then return { 'failures_address', wait_of_address } end
  return { 'failures_phone', wait_of_phone }
end

count(phone, of_phone)
if throttled then
  redis.call('HSET', address, 't', string.format('%.3f', arrival))
  redis.call('PEXPIRE', address, math.ceil(arrival - now) + 60000)
else
  count(address, of_address)
end
return { '', 0 }
