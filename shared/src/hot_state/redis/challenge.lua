-- Challenges with their roots, all in one look.
--
-- Most began the root that they are on, and one record tells both.
--
-- KEYS  of each challenge: as one that joined a root, as one that began a root
-- ARGV  1 prefix of roots, 2 how many fields of a challenge follow, then those, then how many fields of a root
--       follow, then those; then of each: id of the challenge, id of the root, '' for the one that it is on
-- Reply of each the fields of the challenge, those of the root and the id of the root, or nothing, or the text of what
-- is in the way
local MOVED_ON = 1000 -- attempts at a challenge that went on from the root that it began to another
local roots_prefix, own_count = ARGV[1], tonumber(ARGV[2])
local own_fields = { unpack(ARGV, 3, 2 + own_count) }
local next_argument = 3 + own_count
local root_count = tonumber(ARGV[next_argument])
local root_fields = { unpack(ARGV, next_argument + 1, next_argument + root_count) }
next_argument = next_argument + 1 + root_count
local both = { 'c', 'a', unpack(own_fields) }
for _, field in ipairs(root_fields) do both[#both + 1] = field end

-- What is told of a challenge on the root that it began, and whether it went on to another.
local function look_at_the_beginner(key, id)
  local found = redis.call('HMGET', key, unpack(both))
  if not found[1] then return nil end
  local moved_on = tonumber(found[2] or 0) >= MOVED_ON
  local reply = { unpack(found, 3, #both) }
  reply[own_count + root_count + 1] = id
  return reply, moved_on
end

local function look(joined, beginner, id, root)
  local began, moved_on
  if root == '' or root == id then
    began, moved_on = look_at_the_beginner(beginner, id)
    if began and not moved_on then return began end
  end
  local own = redis.call('HMGET', joined, 'o', 'c', unpack(own_fields))
  if not own[2] then
    if began or root == '' or root == id then return began or false end
    own = redis.call('HMGET', beginner, 'o', 'c', unpack(own_fields))
    if not own[2] then return false end
  end
  if root == '' then root = own[1] or id end
  local of_root = redis.call('HMGET', roots_prefix .. root, unpack(root_fields))
  if not of_root[1] then return false end
  local reply = { unpack(own, 3, 2 + own_count) }
  for i = 1, root_count do reply[own_count + i] = of_root[i] end
  reply[own_count + root_count + 1] = root
  return reply
end

local replies = {}
for key = 1, #KEYS, 2 do
  local argument = next_argument + key - 1
  local done, reply = pcall(look, KEYS[key], KEYS[key + 1], ARGV[argument], ARGV[argument + 1])
  -- What is stored for one is in nobody else's way.
  if not done then reply = type(reply) == 'table' and reply.err or tostring(reply) end
  replies[#replies + 1] = reply
end
return replies
