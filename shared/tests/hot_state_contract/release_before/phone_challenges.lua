-- The last sign-in challenges of a phone that were not consumed, newest last, each as its id and
-- the fields of its record.
-- KEYS 1 sends of the phone; ARGV 1 prefix of challenge keys, 2 how many, then the fields to read
local found, ids = {}, {}
for id in string.gmatch(redis.call('GET', KEYS[1]) or '', '=(%x+)') do ids[#ids + 1] = id end
for i = #ids, 1, -1 do
  local record = redis.call('HMGET', ARGV[1] .. ids[i], unpack(ARGV, 3))
  if record[1] then table.insert(found, 1, { ids[i], record }) end
  if #found == tonumber(ARGV[2]) then break end
end
return found
