-- How what was counted is given back; stands before the scripts that do so, after limits.lua.

local function one_less(counter, span, now)
  local slot, count, before = slots(redis.call('GET', counter), now, span)
  if count > 0 then
    redis.call('SET', counter, string.format('%d %d %d', slot, count - 1, before),
      'PX', number(2 * span))
  end
end

-- Of each row one, but for windows that the log of the phone counts, and shares.
local function give_back(packed_rows, first, now, prefix_key)
  local key = first - 1
  for _, row in ipairs(rows_of(packed_rows)) do
    local kind, place, a, b, c = unpack(row)
    local own, second
    if place == 0 or place == 4 then
      key = key + 1
      own = KEYS[key]
      if place == 4 then
        key = key + 1
        second = KEYS[key]
      end
    elseif place == 2 then
      own = prefix_key
    end
    if kind == WINDOW and own then
      local before = string.match(redis.call('GET', own) or '', '^(.*) %d+$')
      if before then redis.call('SET', own, before, 'KEEPTTL') else redis.call('DEL', own) end
    elseif kind == RATE then
      local arrival = tonumber(redis.call('GET', own) or '')
      if arrival then
        redis.call('SET', own, string.format('%.3f', arrival - b / a), 'KEEPTTL')
      end
    elseif kind == LOCK then
      if c == 1 then
        redis.call('DEL', own, second or own)
      elseif tonumber(redis.call('HGET', own, 'n') or 0) > 0 then
        redis.call('HINCRBY', own, 'n', '-1')
      end
    elseif kind == BUDGET then
      local counted = true
      if second then
        local _, part = slots(redis.call('GET', second), now, b)
        counted = part > 0 and part * c < a -- else it may not have been
        if counted then one_less(second, b, now) end
      end
      if counted then one_less(own, b, now) end
    end
  end
end
