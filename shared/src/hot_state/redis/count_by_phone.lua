#!lua flags=allow-oom
-- Counts one guess with a number only on each root that it was compared with, and only then honours
-- the verdict that the API has reached. The first right code closes its root in the same step.
--
-- Each root costs one look and one write, whatever it is, and the API names as many as there can be: how
-- long a wrong code takes tells nobody whether the number has a live one. What is not there has a record
-- that stands for it.
--
-- KEYS  the roots that were compared, then the record that stands for one that is not there
-- ARGV  1 now or '', 2 attempts allowed, then for each root its salt and '1' where the code was right
-- Reply {verdict, attempts left, index of the root that was right, from 1}
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local allowed = tonumber(ARGV[2])
local verdict, left, which = 'gone', 0, 0

local nowhere = KEYS[#KEYS]
for i = 1, #KEYS - 1 do
  local root, written = KEYS[i], false
  local salt, right = ARGV[1 + 2 * i], ARGV[2 + 2 * i] == '1'
  local record = redis.call('HMGET', root, 's', 'e', 'g', 'x', 'y', 'b')
  if record[1] == salt then
    local attempts = tonumber(record[6] or 0)
    if now >= tonumber(record[3] or record[2]) then
      -- For good, whatever becomes of the clock.
      redis.call('HSET', root, 'g', 0)
      written = true
      if verdict == 'gone' then verdict = 'expired' end
    elseif attempts >= allowed then
      if which == 0 and verdict ~= 'wrong' then verdict = 'exhausted' end
    elseif record[4] ~= '1' or record[5] == 'phone' then
      attempts = redis.call('HINCRBY', root, 'b', 1)
      written = true
      if right and which == 0 then
        verdict, which = 'right', i
        redis.call('HSET', root, 'x', 1, 'y', 'phone')
      elseif which == 0 then
        verdict = 'wrong'
      end
      left = math.max(left, allowed - attempts)
    end
  end
  if not written then redis.call('HINCRBY', nowhere, 'b', 1) end
end
return { verdict, left, which }
