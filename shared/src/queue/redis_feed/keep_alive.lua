#!lua flags=allow-oom
-- Tells that this worker lives, and resets the idle time of jobs that are still its own, without
-- counting a delivery. That a worker lives cannot be read from XINFO CONSUMERS: before Redis 7.2 a
-- consumer that finds nothing to read counts as idle.
-- KEYS 1 stream, 2 workers by the time at which they told
-- ARGV 1 group, 2 consumer, 3 now or '', 4 milliseconds after which a worker is forgotten, then id
--      and deliveries of each job
local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local forgotten = tonumber(ARGV[4])
redis.call('ZADD', KEYS[2], now, ARGV[2])
-- A time that lies ahead was told by another clock, that of a server before a fail-over.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - forgotten)
redis.call('ZREMRANGEBYSCORE', KEYS[2], now + forgotten, '+inf')
redis.call('PEXPIRE', KEYS[2], 2 * forgotten)
for i = 5, #ARGV, 2 do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)[1]
  if pending and pending[2] == ARGV[2] and pending[4] == tonumber(ARGV[i + 1]) then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  end
end
return 1
