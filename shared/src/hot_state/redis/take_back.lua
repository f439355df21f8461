#!lua flags=allow-oom
-- Takes a try back that turned out right: it was no failure. Where it proved a number, that is
-- remembered of where it came from.
--
-- KEYS  those of the rows, then those of what proved a number
-- ARGV  1 now or '', 2 the rows, 3 how many keys the rows have; see limits.lua
local now = time_of(ARGV[1])
local rows, key = read_rows(ARGV[2]), 0

local function one_less(counter, span)
  local slot, count, before = slots(redis.call('GET', counter), now, span)
  if count > 0 then
    redis.call('SET', counter, string.format('%d %d %d', slot, count - 1, before),
      'PX', string.format('%d', 2 * span))
  end
end

for i = 1, #rows - 1, 5 do
  local kind, place, a, b, c = rows[i], rows[i + 1], rows[i + 2], rows[i + 3], rows[i + 4]
  key = key + 1
  local own, second = KEYS[key], nil
  if place == 4 then
    key = key + 1
    second = KEYS[key]
  end
  if kind == RATE then
    local arrival = tonumber(redis.call('GET', own) or '')
    if arrival then
      redis.call('SET', own, string.format('%.3f', arrival - b / a), 'KEEPTTL')
    end
  elseif kind == LOCK then
    if c == 1 then
      redis.call('DEL', own)
    elseif tonumber(redis.call('HGET', own, 'n') or 0) > 0 then
      redis.call('HINCRBY', own, 'n', '-1')
    end
  elseif kind == BUDGET then
    local counted = true
    if second then
      local _, part = slots(redis.call('GET', second), now, b)
      counted = part > 0 and part * c < a -- else it may not have been
      if counted then one_less(second, b) end
    end
    if counted then one_less(own, b) end
  end
end
for i = tonumber(ARGV[3]) + 1, #KEYS do prove(KEYS[i], now) end
return 1
