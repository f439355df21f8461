-- Challenges with their roots, all in one look.
-- KEYS  of each challenge: as one that joined a root, as one that began a root
-- ARGV  1 prefix of roots, 2 how many fields of a challenge follow, then those, then how many fields of a root
--       follow, then those; then of each: id of the challenge, id of the root, '' for the one that it is on
-- Reply of each {fields of the challenge, id of the root, fields of the root}, nothing, or the text of what is in the way
local own_fields = { 'o', unpack(ARGV, 3, 2 + ARGV[2]) }
local next_argument = 3 + ARGV[2]
local root_fields = { unpack(ARGV, next_argument + 1, next_argument + ARGV[next_argument]) }
next_argument = next_argument + 1 + ARGV[next_argument]

local function look(first_key, id, root)
  for key = first_key, first_key + 1 do
    local own = redis.call('HMGET', KEYS[key], unpack(own_fields))
    -- The second field is there from the start.
    if own[2] then
      if root == '' then root = own[1] or id end
      local fields = redis.call('HMGET', ARGV[1] .. root, unpack(root_fields))
      if not fields[1] then return false end
      table.remove(own, 1)
      return { own, root, fields }
    end
  end
  return false
end

local replies = {}
for key = 1, #KEYS, 2 do
  local argument = next_argument + key - 1
  local done, reply = pcall(look, key, ARGV[argument], ARGV[argument + 1])
  -- What is stored for one is in nobody else's way.
  if not done then reply = type(reply) == 'table' and reply.err or tostring(reply) end
  replies[#replies + 1] = reply
end
return replies
