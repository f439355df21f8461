-- How limits are counted: the kinds of quotas of the domain, each implemented once. This text stands
-- before each script that counts. Every row is looked at before any is counted.
--
-- This runs with every request for a code, so it makes few tables and few calls, and what several in a call have in
-- common once.
--
-- A row comes packed as '>BBi8i8i8': its kind, where its key is (1 the log of the phone, 2 the prefix of
-- the phone, 0 the next of KEYS, 4 the next two of them), and three numbers by kind:
--   window  count, span, -; of the log of the phone, or of one of its own under its key
--   rate    count, span, how far ahead of its time the next may be; second key: numbers proven
--   lock    failures, how long, 1 where a success forgets all of them; second key: those of the number from
--           before its account was deleted
--   budget  count, span, the part that a group may use, or 0; second key: the group's own
--   share   hundredths, span, 1 where the whole is counted by this row; second key: the whole
-- Shares stand last; they are looked at only while messages wait.
local WINDOW, RATE, LOCK, BUDGET, SHARE = 1, 2, 3, 4, 5
local ROW = 26 -- bytes
local PROVEN_SPAN, MORE_FOR_EACH, KEPT_LONGER = 60000, 2, 60000

local function time_of(argument)
  local now = tonumber(argument)
  if now then return now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A whole number as text. Those who come together write the same ones again and again: lives, and moments that are so
-- far from now.
local texts = {}
local function number(value)
  local text = texts[value]
  if not text then
    text = string.format('%d', value)
    texts[value] = text
  end
  return text
end

local function moment_of(send) return tonumber(string.match(send, '^%d+')) end

-- A counter of the present span and of the one before, as text; of a whole also how many took part.
-- What lies ahead was counted before the clock was set back, and is forgotten.
local function slots(state, now, span)
  local slot = math.floor(now / span)
  if not state then return slot, 0, 0, 0, 0 end
  local at, count, before, parts, parts_before =
    string.match(state, '^(%d+) (%d+) (%d+) ?(%d*) ?(%d*)')
  at = tonumber(at)
  if at == slot then
    return slot, tonumber(count), tonumber(before), tonumber(parts) or 0, tonumber(parts_before) or 0
  elseif at == slot - 1 then
    return slot, 0, tonumber(count), 0, tonumber(parts) or 0
  end
  return slot, 0, 0, 0, 0
end

-- One number was proven from here.
local function prove(key, now)
  local slot, count, before = slots(redis.call('GET', key), now, PROVEN_SPAN)
  redis.call('SET', key, string.format('%d %d %d', slot, count + 1, before), 'PX', '120000')
end

-- The rows of a packed text, unpacked once for all who bring the same.
local unpacked = {}
local function rows_of(packed)
  local rows = unpacked[packed]
  if not rows then
    rows = {}
    for i = 1, #packed, ROW do rows[#rows + 1] = { struct.unpack('>BBi8i8i8', packed, i) } end
    unpacked[packed] = rows
  end
  return rows
end

-- Looks at every row. `states` holds the values of `keys` from `first` on, after `at` others.
-- Returns the number of the row that takes longest to allow this, or 0; how long that takes; and what
-- counting writes: keys with their values and lives, and hashes of failures.
local function look(rows, keys, first, states, at, now, log, prefix_key, behind)
  local refused, wait, writes, failures = 0, 0, {}, nil
  local key = first - 1
  for i = 1, #rows do
    local row = rows[i]
    local kind, place, a, b, c = row[1], row[2], row[3], row[4], row[5]
    local own, state, second, beside
    if place == 0 or place == 4 then
      key, at = key + 1, at + 1
      own, state = keys[key], states[at]
      if place == 4 then
        key, at = key + 1, at + 1
        second, beside = keys[key], states[at]
      end
    elseif place == 2 then
      own, state = prefix_key, redis.call('GET', prefix_key)
    end
    local after, value, life = 0, nil, nil
    if kind == WINDOW then
      if place == 1 then
        -- The step that grants writes the log.
        local send = log[#log - a + 1]
        if send then after = moment_of(send) + b - now end
      else
        local moments = {}
        for moment in string.gmatch(state or '', '%d+') do
          -- The clock was set back since: what lies ahead would refuse for as long.
          moments[#moments + 1] = number(math.min(now, tonumber(moment)))
        end
        local oldest = moments[#moments - a + 1]
        if oldest then after = oldest + b - now end
        moments[#moments + 1] = number(now)
        value = table.concat(moments, ' ', math.max(1, #moments - a + 1))
        life = b + KEPT_LONGER
      end
    elseif kind == RATE then
      local count, arrival = a, tonumber(state or 0)
      -- No clock that goes on comes so far.
      if arrival < now or arrival > now + c + b / count then arrival = now end
      if beside then
        local _, lately, before = slots(beside, now, PROVEN_SPAN)
        lately = lately + before * (PROVEN_SPAN - now % PROVEN_SPAN) / PROVEN_SPAN
        count = count + MORE_FOR_EACH * lately
      end
      arrival = arrival + b / count
      after = math.ceil(arrival - now - c)
      if arrival % 1 == 0 then
        value = number(arrival)
      else
        local micros = math.floor(arrival * 1000)
        value = string.format('%d.%03d', micros / 1000, micros % 1000)
      end
      life = c + KEPT_LONGER
    elseif kind == LOCK then
      -- n: failures, l: the last of them. After a lock's time they are forgotten.
      local of_own = redis.call('HMGET', own, 'n', 'l')
      local record = of_own
      if not record[1] and second then record = redis.call('HMGET', second, 'n', 'l') end
      local count, last = tonumber(record[1] or 0), tonumber(record[2] or 0)
      if last > now then -- the clock was set back since: no lock lasts longer for that
        last = now
        if record == of_own then redis.call('HSET', own, 'l', number(now)) end
      end
      if now >= last + b then count = 0 end
      if count >= a then after = last + b - now end
      failures = failures or {}
      failures[#failures + 1] = { own, count + 1, b + KEPT_LONGER }
    elseif kind == BUDGET then
      local slot, count, before = slots(state, now, b)
      if count >= a then after = (slot + 1) * b - now end
      local counts = true
      if second then
        local _, part = slots(beside, now, b)
        counts = part * c < a -- else the group has used its part of it
        if counts then
          local n = #writes
          writes[n + 1], writes[n + 2], writes[n + 3] =
            second, string.format('%d %d 0', slot, part + 1), 2 * b
        end
      end
      if counts then value, life = string.format('%d %d %d', slot, count + 1, before), 2 * b end
    elseif behind then
      local slot, count, before = slots(state, now, b)
      local _, all, all_before, parts, parts_before = slots(beside, now, b)
      local sum, of_all = count + before, all + all_before
      local fair = of_all * math.max(a / 100, 1 / math.max(1, parts, parts_before))
      -- What chance adds to a share is nobody's unfair part.
      if of_all > sum and sum > fair + 3 * math.sqrt(fair) then after = (slot + 1) * b - now end
      if c == 1 then
        local n = #writes
        writes[n + 1], writes[n + 2], writes[n + 3] = second, string.format('%d %d %d %d %d',
          slot, all + 1, all_before, parts + (count == 0 and 1 or 0), parts_before), 2 * b
      end
      value, life = string.format('%d %d %d', slot, count + 1, before), 2 * b
    end
    if after > wait then refused, wait = i, after end
    if value then
      local n = #writes
      writes[n + 1], writes[n + 2], writes[n + 3] = own, value, life
    end
  end
  return refused, wait, writes, failures
end

local function count(writes, failures, now)
  for i = 1, #writes, 3 do
    redis.call('SET', writes[i], writes[i + 1], 'PX', number(writes[i + 2]))
  end
  for _, failed in ipairs(failures or {}) do
    redis.call('HSET', failed[1], 'n', number(failed[2]), 'l', number(now))
    redis.call('PEXPIRE', failed[1], number(failed[3]))
  end
end
