-- Puts the job of a notice into the queue, unless that was done before.
-- KEYS  1 stream of jobs, 2 mark of the notice
-- ARGV  1 now or '', 2 notice, 3 deadline, 4 traceparent or '', 5 life of the mark (milliseconds),
--       6 request or ''
-- Reply 1 if it was put there
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local notice, deadline, trace, request = ARGV[2], ARGV[3], ARGV[4], ARGV[6]
if not redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[5]) then return 0 end
local job = '{"v":1,"kind":"notice","notice":"' .. notice
  .. '","accepted_at":' .. string.format('%.0f', now) .. ',"deadline":' .. deadline
if trace ~= '' then job = job .. ',"trace":"' .. trace .. '"' end
if request ~= '' then job = job .. ',"request":"' .. request .. '"' end
redis.call('XADD', KEYS[1], '*', 'j', job .. '}')
return 1
