-- Counts one attempt and only then honours the verdict that the API has reached. The API compared
-- the code with what it had read; here it is made sure that the record is still that one.
--
-- KEYS  the challenges that were compared
-- ARGV  1 now or '', 2 way ('session' or 'phone'), 3 attempts allowed, then for each challenge its
--       salt and '1' where the code was right
-- Reply {verdict, attempts left, index of the challenge that was right, from 1}
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local way, allowed = ARGV[2], tonumber(ARGV[3])
local counter = way == 'session' and 'a' or 'b'
local verdict, left, which, honoured = 'gone', 0, 0, false

for i, challenge in ipairs(KEYS) do
  local salt, right = ARGV[2 + 2 * i], ARGV[3 + 2 * i] == '1'
  local record = redis.call('HMGET', challenge, 's', 'e', 'x', counter)
  if record[1] == salt then
    local consumed, attempts = record[3] == '1', tonumber(record[4] or 0)
    if now >= tonumber(record[2]) then
      if verdict == 'gone' then verdict = 'expired' end
    elseif attempts >= allowed then
      if not honoured and verdict ~= 'wrong' then verdict = 'exhausted' end
    elseif not consumed or way == 'session' then
      attempts = redis.call('HINCRBY', challenge, counter, 1)
      if right and not honoured then
        verdict, which, honoured = consumed and 'used' or 'right', i, true
      elseif not honoured then
        verdict = 'wrong'
      end
      left = math.max(left, allowed - attempts)
    end
  end
end
return { verdict, left, which }
