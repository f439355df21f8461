-- The sign-in challenges of a phone, newest last, each as its id and the fields of its record.
-- KEYS 1 list of ids; ARGV 1 prefix of challenge keys, then the fields to read
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local record = redis.call('HMGET', ARGV[1] .. id, unpack(ARGV, 2))
  if record[1] then found[#found + 1] = { id, record } end
end
return found
