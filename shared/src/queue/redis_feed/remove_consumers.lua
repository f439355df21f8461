#!lua flags=allow-oom
-- Removes consumers that hold nothing; checking and removing are one step, because removing a
-- consumer drops what it holds. How long a worker was silent is known by what it told itself; one of
-- a release that does not tell is judged by the idle time that Redis knows.
-- KEYS 1 stream, 2 workers by the time at which they told
-- ARGV 1 group, 2 the only consumer to remove or '', 3 milliseconds of silence, 4 now or ''
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
if ARGV[2] ~= '' then redis.call('ZREM', KEYS[2], ARGV[2]) end
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err or #groups == 0 then return 0 end
local removed = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #info, 2 do consumer[info[i]] = info[i + 1] end
  local told = redis.call('ZSCORE', KEYS[2], consumer.name)
  local silent = told and now - tonumber(told) or consumer.idle
  local wanted = ARGV[2] == '' or consumer.name == ARGV[2]
  if wanted and consumer.pending == 0 and silent >= tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return removed
