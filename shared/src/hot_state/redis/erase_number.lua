-- Takes a number out whose account is deleted: its roots end, with the challenges on them and the jobs
-- that wait, and what its limits have to remember goes on under another name, which is a keyed hash.
--
-- KEYS  1 requests for the number, 2 what its limits refused, 3 its failed tries, 4 and 5 the first and the
--       third under the other name, 6 stream of jobs
-- ARGV  1 prefix of roots, 2 prefix of challenges that joined one, 3 the number, 4 '1' where it has another
--       name, 5 how long that is kept: no limit looks back further
-- Reply how many roots ended
local log, ended = redis.call('GET', KEYS[1]), 0
local function take_job_back(since, challenge)
  local job = waiting_job(KEYS[6], since, challenge)
  if job then redis.call('XDEL', KEYS[6], job) end
end
for at, root in string.gmatch(log or '', '(%d+)=[rpo]?(%x+)') do
  local key = ARGV[1] .. root
  if redis.call('HGET', key, 'p') == ARGV[3] then
    take_job_back(tonumber(at), root)
    for _, field in ipairs(redis.call('HKEYS', key)) do
      local joined = string.match(field, '^j(%x+)$')
      if joined then
        take_job_back(tonumber(at), joined)
        redis.call('DEL', ARGV[2] .. joined)
      end
    end
    redis.call('DEL', key)
    ended = ended + 1
  end
end
if log and ARGV[4] == '1' then
  local before = redis.call('GET', KEYS[4])
  local moments = string.gsub(log, '=[rpo]?%x+', '')
  redis.call('SET', KEYS[4], before and before .. ' ' .. moments or moments,
    'PX', ARGV[5])
end
local failures = redis.call('HMGET', KEYS[3], 'n', 'l')
if failures[1] and ARGV[4] == '1' then
  redis.call('HSET', KEYS[5], 'n', failures[1], 'l', failures[2] or '0')
  redis.call('PEXPIRE', KEYS[5], ARGV[5])
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return ended
