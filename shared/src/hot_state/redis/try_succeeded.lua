#!lua flags=allow-oom
-- Takes back a try that turned out right: the failures of the phone are over, the address gets its
-- one back.
--
-- KEYS  1 failures of the phone, 2 failures of the address
-- ARGV  1 milliseconds for one failure where the address is throttled, '' where it is locked
redis.call('DEL', KEYS[1])
if ARGV[1] ~= '' then
  local arrival = redis.call('HGET', KEYS[2], 't')
  if arrival then
    redis.call('HSET', KEYS[2], 't', string.format('%.3f', tonumber(arrival) - tonumber(ARGV[1])))
  end
elseif tonumber(redis.call('HGET', KEYS[2], 'n') or 0) > 0 then
  redis.call('HINCRBY', KEYS[2], 'n', -1)
end
return 1
