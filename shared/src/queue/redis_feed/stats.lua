-- What operators watch.
-- KEYS  1 stream, 2 delayed jobs, 3 dead letters, 4 workers by the time at which they told
-- ARGV  1 group, 2 now or '', 3 milliseconds of silence after which a worker is gone
-- Reply {waiting, in flight, delayed, dead, consumers, age of the oldest}
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local length, in_flight, age = redis.call('XLEN', KEYS[1]), 0, 0
local gone = tonumber(ARGV[3])
local consumers = redis.call('ZCOUNT', KEYS[4], now - gone + 1, now + gone)
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if not groups.err and #groups > 0 then
  in_flight = redis.call('XPENDING', KEYS[1], ARGV[1])[1]
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local consumer = {}
    for i = 1, #info, 2 do consumer[info[i]] = info[i + 1] end
    -- A worker of a release that does not tell that it lives.
    local tells = redis.call('ZSCORE', KEYS[4], consumer.name)
    if not tells and consumer.idle < gone then consumers = consumers + 1 end
  end
end
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if oldest and #oldest[2] == 2 then
  local accepted = tonumber(string.match(oldest[2][2], '"accepted_at":(%d+)'))
  if accepted then age = math.max(0, now - accepted) end
end
return { math.max(0, length - in_flight), in_flight, redis.call('ZCARD', KEYS[2]),
  redis.call('XLEN', KEYS[3]), consumers, age }
