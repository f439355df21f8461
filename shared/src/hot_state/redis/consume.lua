-- Marks a challenge whose code had its effect; nothing more is sent or accepted.
-- KEYS 1 challenge; ARGV 1 id, 2 prefix of the phones' lists
local phone = redis.call('HGET', KEYS[1], 'p')
if not phone then return 0 end
redis.call('HSET', KEYS[1], 'x', 1)
redis.call('LREM', ARGV[2] .. string.sub(phone, 2), 0, ARGV[1])
return 1
