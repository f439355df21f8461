#!lua flags=allow-oom
-- Takes a number out of the last refusals.
--
-- KEYS  the last refusals of each rule
-- ARGV  1 the number, as it stands in an entry
for _, key in ipairs(KEYS) do
  for _, entry in ipairs(redis.call('ZRANGE', key, '0', '-1')) do
    if string.find(entry, ARGV[1], 1, true) then redis.call('ZREM', key, entry) end
  end
end
