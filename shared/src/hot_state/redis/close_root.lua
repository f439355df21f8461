-- Closes a root whose code had its effect, for those too who came with the number only.
-- KEYS 1 root; ARGV 1 its id, 2 prefix of the phones' sends
local record = redis.call('HMGET', KEYS[1], 'p', 'y')
if not record[1] then return 0 end
if not record[2] or record[2] == 'phone' then redis.call('HSET', KEYS[1], 'x', 1, 'y', '-') end
local key = ARGV[2] .. string.sub(record[1], 2)
local sends = redis.call('GET', key)
if sends then
  local without, found = string.gsub(sends, '=[rp]?' .. ARGV[1], '')
  if found > 0 then redis.call('SET', key, without, 'KEEPTTL') end
end
return 1
