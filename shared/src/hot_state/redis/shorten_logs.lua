#!lua flags=allow-oom
-- Takes the names of roots whose records are gone out of the logs of numbers.
--
-- KEYS  1 up to where that is done, then the logs
-- ARGV  1 now or '', 2 what must be noted there, or '', 3 what is noted now, 4 how long a root is named after it began,
--       5 how long the note is kept (milliseconds)
-- Reply how many logs are shorter now, or -1 where something else is noted
-- What somebody else has put there is nobody's note, and nobody's log.
local function text_at(key)
  local text = redis.pcall('GET', key)
  return type(text) == 'string' and text or ''
end
if text_at(KEYS[1]) ~= ARGV[2] then return -1 end
local over = time_of(ARGV[1]) - tonumber(ARGV[4])
local shorter = 0
for i = 2, #KEYS do
  local log = text_at(KEYS[i])
  local short = string.gsub(log, '(%d+)=[rpo]?%x+', function(began)
    return tonumber(began) < over and began or nil
  end)
  if #short < #log then
    redis.call('SET', KEYS[i], short, 'KEEPTTL')
    shorter = shorter + 1
  end
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[5])
return shorter
