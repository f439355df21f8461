#!lua flags=allow-oom
-- Puts back delayed jobs whose time has come.
-- KEYS 1 delayed jobs, 2 stream; ARGV 1 now or '', 2 how many at most, 3 the longest delay: one that
-- lies further away was put off by a clock that was set back since
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
if #due == 0 then
  local beyond = string.format('(%.0f', now + tonumber(ARGV[3]))
  due = redis.call('ZRANGEBYSCORE', KEYS[1], beyond, '+inf', 'LIMIT', 0, ARGV[2])
end
for _, member in ipairs(due) do
  local colon = string.find(member, ':', 1, true)
  redis.call('XADD', KEYS[2], '*', 'j', string.sub(member, colon + 1), 'a',
    string.sub(member, 1, colon - 1))
end
if #due > 0 then redis.call('ZREM', KEYS[1], unpack(due)) end
return #due
