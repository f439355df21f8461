-- The last sign-in roots of a phone that are open to a code with the number, newest last, each as its
-- id and the fields of its record.
--
-- Whether the phone has a live code is nobody's business who has the number only. So as many records are
-- looked at as there can be, also where there is none.
--
-- KEYS 1 sends of the phone, 2 the record that stands for one that is not there
-- ARGV 1 prefix of roots, 2 how many, 3 how many are looked at, then the fields to read: the first is
--      always there, the second and third tell whether it is closed, and by whom
local found, ids = {}, {}
for id in string.gmatch(redis.call('GET', KEYS[1]) or '', '=(%x+)') do ids[#ids + 1] = id end
for i = #ids, #ids - tonumber(ARGV[3]) + 1, -1 do
  local id = ids[i]
  local fields = redis.call('HMGET', id and ARGV[1] .. id or KEYS[2], unpack(ARGV, 4))
  local open = id and fields[1] and (fields[2] ~= '1' or fields[3] == 'phone')
  if open and #found < tonumber(ARGV[2]) then table.insert(found, 1, { id, fields }) end
end
return found
