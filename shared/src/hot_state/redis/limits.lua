-- How limits are counted: the kinds of quotas of the domain, each implemented once. This text stands
-- before each script that counts. Every row is looked at before any is counted.
--
-- A row comes packed as '>BBi8i8i8': its kind, where its key is (1 the log of the phone, 2 the prefix of
-- the phone, 0 the next of KEYS; 4 is added where a second key follows among KEYS), and three numbers:
--   window  count, span, -
--   rate    count, span, how far ahead of its time the next may be; second key: numbers proven
--   lock    failures, how long, 1 where a success forgets all of them
--   budget  count, span, the part that a group may use, or 0; second key: the group's own
--   share   hundredths, span, 1 where the whole is counted by this row; second key: the whole
local WINDOW, RATE, LOCK, BUDGET, SHARE = 1, 2, 3, 4, 5
local PROVEN_SPAN, MORE_FOR_EACH, KEPT_LONGER = 60000, 2, 60000

local function time_of(argument)
  local now = tonumber(argument)
  if now then return now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
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
local function store_slots(key, span, ...)
  redis.call('SET', key, table.concat({ ... }, ' '), 'PX', string.format('%d', 2 * span))
end

-- The rows that are looked at, and `keys` with those of their states. A share is looked at only while
-- messages wait.
local function read_rows(packed, next_key, keys, log_key, prefix_key, behind)
  local rows, at, index = {}, 1, 0
  while at <= #packed do
    local row, place = {}, nil
    row.kind, place, row.a, row.b, row.c, at = struct.unpack('>BBi8i8i8', packed, at)
    index = index + 1
    row.index = index
    if place % 4 == 1 then
      row.key = log_key
    elseif place % 4 == 2 then
      row.key = prefix_key
    else
      row.key, next_key = KEYS[next_key], next_key + 1
    end
    if place >= 4 then row.other, next_key = KEYS[next_key], next_key + 1 end
    if row.kind ~= SHARE or behind then
      rows[#rows + 1] = row
      if row.kind ~= WINDOW and row.kind ~= LOCK then
        keys[#keys + 1] = row.key
        row.at = #keys
        if row.kind == RATE and row.other then keys[#keys + 1] = row.other end
      end
    end
  end
  return rows
end

-- How long the row refuses, in milliseconds, or 0; it remembers what counting needs.
local look_at = {
  [WINDOW] = function(row, _, now, log)
    local send = log[#log - row.a + 1]
    return send and math.max(0, moment_of(send) + row.b - now) or 0
  end,
  [RATE] = function(row, state, now, _, proven)
    local count, arrival = row.a, tonumber(state or 0)
    -- No clock that goes on comes so far.
    if arrival < now or arrival > now + row.c + row.b / count then arrival = now end
    if row.other and proven then
      local _, lately, before = slots(proven, now, PROVEN_SPAN)
      lately = lately + before * (PROVEN_SPAN - now % PROVEN_SPAN) / PROVEN_SPAN
      count = count + MORE_FOR_EACH * lately
    end
    row.arrival = arrival + row.b / count
    return math.max(0, math.ceil(row.arrival - now - row.c))
  end,
  [LOCK] = function(row, _, now)
    -- n: failures, l: the last of them. After a lock's time they are forgotten.
    local record = redis.call('HMGET', row.key, 'n', 'l')
    row.count = tonumber(record[1] or 0)
    local last = tonumber(record[2] or 0)
    if last > now then -- the clock was set back since: no lock lasts longer for that
      last = now
      redis.call('HSET', row.key, 'l', string.format('%d', now))
    end
    if now >= last + row.b then row.count = 0 end
    return row.count >= row.a and last + row.b - now or 0
  end,
  [BUDGET] = function(row, state, now)
    row.slot, row.count, row.before = slots(state, now, row.b)
    return row.count >= row.a and (row.slot + 1) * row.b - now or 0
  end,
  [SHARE] = function(row, state, now)
    row.slot, row.count, row.before = slots(state, now, row.b)
    row.whole = { slots(redis.call('GET', row.other), now, row.b) }
    local own, all = row.count + row.before, row.whole[2] + row.whole[3]
    local part = math.max(row.a / 100, 1 / math.max(1, row.whole[4], row.whole[5]))
    -- What chance adds to a share is nobody's unfair part.
    if all > own and own > part * all + 3 * math.sqrt(part * all) then return (row.slot + 1) * row.b - now end
    return 0
  end,
}

-- The number of the row that takes longest to allow this, or 0, and how long that takes.
local function look(rows, states, now, log)
  local refused, wait = 0, 0
  for _, row in ipairs(rows) do
    local at = row.at
    local after = look_at[row.kind](row, at and states[at], now, log, at and states[at + 1])
    if after > wait then refused, wait = row.index, after end
  end
  return refused, wait
end

local count_in = {
  -- The step that grants writes the log.
  [WINDOW] = function() end,
  [RATE] = function(row, now)
    local next = math.floor(row.arrival * 1000)
    redis.call('SET', row.key, string.format('%d.%03d', next / 1000, next % 1000),
      'PX', string.format('%d', math.ceil(row.arrival - now) + KEPT_LONGER))
  end,
  [LOCK] = function(row, now)
    redis.call('HSET', row.key, 'n', string.format('%d', row.count + 1), 'l', string.format('%d', now))
    redis.call('PEXPIRE', row.key, string.format('%d', row.b + KEPT_LONGER))
  end,
  [BUDGET] = function(row, now)
    if row.other then
      local slot, count = slots(redis.call('GET', row.other), now, row.b)
      if count >= row.a / row.c then return end -- the group has used its part of it
      store_slots(row.other, row.b, slot, count + 1, 0)
    end
    store_slots(row.key, row.b, row.slot, row.count + 1, row.before)
  end,
  [SHARE] = function(row)
    local whole = row.whole
    if row.c == 1 then
      local joins = row.count == 0 and 1 or 0
      store_slots(row.other, row.b, row.slot, whole[2] + 1, whole[3], whole[4] + joins, whole[5])
    end
    store_slots(row.key, row.b, row.slot, row.count + 1, row.before)
  end,
}
local function count(rows, now)
  for _, row in ipairs(rows) do count_in[row.kind](row, now) end
end

-- Takes one back that was counted.
local take_back_from = {
  [WINDOW] = function() end,
  [RATE] = function(row)
    local arrival = tonumber(redis.call('GET', row.key) or '')
    if arrival then
      redis.call('SET', row.key, string.format('%.3f', arrival - row.b / row.a), 'KEEPTTL')
    end
  end,
  [LOCK] = function(row)
    if row.c == 1 then
      redis.call('DEL', row.key)
    elseif tonumber(redis.call('HGET', row.key, 'n') or 0) > 0 then
      redis.call('HINCRBY', row.key, 'n', '-1')
    end
  end,
  [BUDGET] = function(row, now)
    local function one_less(key)
      local slot, count, before = slots(redis.call('GET', key), now, row.b)
      if count > 0 then store_slots(key, row.b, slot, count - 1, before) end
    end
    if row.other then
      local _, count = slots(redis.call('GET', row.other), now, row.b)
      if count >= row.a / row.c then return end -- it may not have been counted
      one_less(row.other)
    end
    one_less(row.key)
  end,
  [SHARE] = function() end,
}
local function take_back(rows, now)
  for _, row in ipairs(rows) do take_back_from[row.kind](row, now) end
end

-- A number was proven from here.
local function prove(key, now)
  local slot, count, before = slots(redis.call('GET', key), now, PROVEN_SPAN)
  store_slots(key, PROVEN_SPAN, slot, count + 1, before)
end
