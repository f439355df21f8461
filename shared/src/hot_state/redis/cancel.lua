#!lua flags=allow-oom
-- Takes a granted request back whose client was told that nothing was granted: its job, what it was
-- charged with, and its record. Where a worker has the job, or somebody has asked for the number since
-- and may rely on the message, all stays as it is.
--
-- KEYS  1 stream of jobs, 2 challenge as one that began a root, 3 challenge as one that joined a root, from 4
--       those of the rows (limits.lua)
-- ARGV  1 now or '', 2 nonce of the request, 3 id of the challenge, 4 prefix of roots, 5 prefix of the requests
--       for a number, 6 the rows, 7 the key of the limit by prefix but for the prefix
-- Reply 'not_granted', 'too_late' or 'cancelled'
local now, nonce, id = time_of(ARGV[1]), ARGV[2], ARGV[3]
local own, record
for _, key in ipairs({ KEYS[3], KEYS[2] }) do
  local found = redis.call('HMGET', key, 'p', 'r', 'c', 't', 'o')
  if found[1] then own, record = key, found break end
end
-- Also where it was taken back before.
if not record or record[2] ~= nonce then return 'not_granted' end
local at, root = record[4] or record[3], record[5] or id
local root_key, digits_of_phone = ARGV[4] .. root, string.sub(record[1], 2)

local sends_key, log = ARGV[5] .. digits_of_phone, {}
for send in string.gmatch(redis.call('GET', sends_key) or '', '%S+') do log[#log + 1] = send end
local last = log[#log]
if not last or string.match(last, '^%d+') ~= at then return 'too_late' end
local texted = string.sub(last, -2) ~= '=-'
if texted then
  local job = waiting_job(KEYS[1], tonumber(at), id, at)
  if not job then return 'too_late' end
  redis.call('XDEL', KEYS[1], job)
end

log[#log] = nil
if #log == 0 then
  redis.call('DEL', sends_key)
else
  redis.call('SET', sends_key, table.concat(log, ' '), 'KEEPTTL')
end
give_back(ARGV[6], 4, now, ARGV[7] .. string.sub(digits_of_phone, 1, -5))

if own == KEYS[2] and not record[4] then
  redis.call('DEL', own) -- it began its root, and nobody else has asked
else
  if record[4] then
    -- It was there before, and may ask again at once.
    redis.call('HSET', own, 'r', '', 't', record[3])
  else
    redis.call('DEL', own)
    redis.call('HDEL', root_key, 'j' .. id)
  end
  -- Anyone who asks next relies on no message that was never sent.
  if texted and redis.call('EXISTS', root_key) == 1 then redis.call('HSET', root_key, 'z', '0') end
end
return 'cancelled'
