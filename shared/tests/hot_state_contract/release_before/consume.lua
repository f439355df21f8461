-- Marks a challenge whose code had its effect; nothing more is sent or accepted.
-- KEYS 1 challenge; ARGV 1 id, 2 prefix of the phones' sends
local phone = redis.call('HGET', KEYS[1], 'p')
if not phone then return 0 end
redis.call('HSET', KEYS[1], 'x', 1)
local key = ARGV[2] .. string.sub(phone, 2)
local sends = redis.call('GET', key)
if sends then
  local without, found = string.gsub(sends, '=' .. ARGV[1], '')
  if found > 0 then redis.call('SET', key, without, 'KEEPTTL') end
end
return 1
