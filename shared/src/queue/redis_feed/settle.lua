#!lua flags=allow-oom
-- Ends deliveries, each only while its pending entry still shows this consumer and this delivery
-- count: XACK alone would also succeed for a job that another worker has claimed since.
--
-- KEYS  1 stream, 2 delayed jobs, 3 dead letters
-- ARGV  1 group, 2 consumer, 3 now or '', then six for each delivery: what to do, id, deliveries,
--       payload, attempts, and the delay in milliseconds or the reason of death
-- Reply 1 or 0 for each delivery: settled, or no longer ours
local stream, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local settled, ended = {}, {}
for i = 4, #ARGV, 6 do
  local what, id, deliveries, payload, attempts, extra =
    ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local pending = redis.call('XPENDING', stream, group, id, id, 1)[1]
  if pending and pending[2] == consumer and pending[4] == deliveries then
    ended[#ended + 1] = id
    if what == 'delay' then
      redis.call('ZADD', KEYS[2], now + tonumber(extra), attempts .. ':' .. payload)
    elseif what == 'dead' then
      redis.call('XADD', KEYS[3], 'MAXLEN', '~', 100000, '*', 'j', payload, 'a', attempts,
        'why', extra, 'at', string.format('%.0f', now))
    elseif what == 'back' then
      -- With the fields that it came with: one that was put off before stays known as such.
      local entry = redis.call('XRANGE', stream, id, id)[1]
      redis.call('XADD', stream, '*', unpack(entry and entry[2] or { 'j', payload, 'a', attempts }))
    end
    settled[#settled + 1] = 1
  else
    settled[#settled + 1] = 0
  end
end
if #ended > 0 then
  redis.call('XACK', stream, group, unpack(ended))
  redis.call('XDEL', stream, unpack(ended))
end
return settled
