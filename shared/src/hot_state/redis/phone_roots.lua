-- The last sign-in roots of a phone that are open to a code with the number, newest last, each as its
-- id and the fields of its record.
-- KEYS 1 sends of the phone; ARGV 1 prefix of roots, 2 how many, then the fields to read
local found, ids = {}, {}
for id in string.gmatch(redis.call('GET', KEYS[1]) or '', '=(%x+)') do ids[#ids + 1] = id end
for i = #ids, 1, -1 do
  local key = ARGV[1] .. ids[i]
  local state = redis.call('HMGET', key, 'p', 'x', 'y')
  if state[1] and (state[2] ~= '1' or state[3] == 'phone') then
    table.insert(found, 1, { ids[i], redis.call('HMGET', key, unpack(ARGV, 3)) })
  end
  if #found == tonumber(ARGV[2]) then break end
end
return found
