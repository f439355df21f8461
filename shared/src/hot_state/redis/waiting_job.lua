-- The entry of a job that no worker has taken, by the challenge that it is for, a moment at which it was
-- not there yet and, where there can be several, the moment when it was accepted; nothing where it was
-- taken. This text stands before the scripts that take jobs back.
local function waiting_job(jobs, since, challenge, accepted)
  local from, groups = string.format('%d', since), redis.pcall('XINFO', 'GROUPS', jobs)
  for _, group in ipairs(groups.err and {} or groups) do
    for i = 1, #group, 2 do
      if group[i] == 'last-delivered-id' then
        local moment = tonumber(string.match(group[i + 1], '^%d+'))
        if moment >= since then from = '(' .. group[i + 1] end
      end
    end
  end
  local named = '"challenge":"' .. challenge .. '"'
  local at = accepted and '"accepted_at":' .. accepted .. ','
  for _, entry in ipairs(redis.call('XRANGE', jobs, from, '+', 'COUNT', '1000')) do
    local job = entry[2][2]
    if string.find(job, named, 1, true) and (not at or string.find(job, at, 1, true)) then
      return entry[1]
    end
  end
end
