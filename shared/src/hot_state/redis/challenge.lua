-- A challenge with its root, in one look.
-- KEYS  1 challenge as one that joined a root, 2 challenge as one that began a root
-- ARGV  1 prefix of roots, 2 id of the challenge, 3 id of the root, '' for the one that it is on,
--       4 how many fields of a challenge follow, then those, then the fields of a root
-- Reply {fields of the challenge, id of the root, fields of the root}, or nothing
local count = tonumber(ARGV[4])
for _, key in ipairs(KEYS) do
  local own = redis.call('HMGET', key, 'o', unpack(ARGV, 5, 4 + count))
  -- The second field is there from the start.
  if own[2] then
    local root = ARGV[3]
    if root == '' then root = own[1] or ARGV[2] end
    local fields = redis.call('HMGET', ARGV[1] .. root, unpack(ARGV, 5 + count))
    if not fields[1] then return false end
    table.remove(own, 1)
    return { own, root, fields }
  end
end
return false
