-- Removes consumers that hold nothing; checking and removing are one step, because removing a
-- consumer drops what it holds.
-- KEYS 1 stream; ARGV 1 group, 2 the only consumer to remove or '', 3 idle milliseconds
local removed = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #info, 2 do consumer[info[i]] = info[i + 1] end
  local wanted = ARGV[2] == '' or consumer.name == ARGV[2]
  if wanted and consumer.pending == 0 and consumer.idle >= tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return removed
