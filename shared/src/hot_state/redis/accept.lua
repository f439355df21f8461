-- Grants or refuses one request for a code. Everything is checked before anything is written, so a
-- refused request consumes nothing; that the limit of a phone refused is counted. The last write is
-- the job.
--
-- KEYS  1 stream of jobs, 2 delayed jobs, 3 breaker, 4 challenge, 5 bucket of the address
-- ARGV  see `AcceptCall::arguments` in redis/mod.rs; names below
-- Reply {outcome, now, expires_at, resend_at, sends, digits, rule, retry_after_ms, phone, purpose,
--        locale}
local jobs, delayed, breaker, challenge, address = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local mode, nonce, id, channel, trace = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local life, max_life, cooldown, margin =
  tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local max_attempts, queue_max, queue_max_age =
  tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local address_per_minute = tonumber(ARGV[14])
local log_prefix, list_prefix = ARGV[15], ARGV[16]
local refusals_prefix, refusals_life = ARGV[17], ARGV[18]
local phone, purpose, locale = ARGV[19], ARGV[20], ARGV[21]
local kid, salt, digits = ARGV[22], ARGV[23], ARGV[24]
local request = ARGV[25]
local FIRST_WINDOW = 26 -- pairs of (count, milliseconds), shortest span first

local function number(value) return string.format('%.0f', value) end
local function reply(outcome, expires, resend, sends, rule, retry)
  return { outcome, now, expires or 0, resend or 0, sends or 0, tonumber(digits) or 0,
    rule or '', retry or 0, phone, purpose, locale }
end

-- What is known of the challenge.
local record = redis.call('HMGET', challenge, 'r', 'p', 'u', 'l', 'c', 'e', 't', 'n', 'a', 'x', 'd')
local exists = record[1] ~= false
local created, expires, sends = now, now + life, 0
if exists then
  created, expires, sends = tonumber(record[5]), tonumber(record[6]), tonumber(record[8])
  local last = tonumber(record[7])
  digits = record[11]
  if record[1] == nonce then -- the reply to this very request was lost: it was granted
    phone, purpose, locale = record[2], record[3], record[4]
    return reply('sent', expires, last + cooldown, sends)
  end
  if mode == 'new' then return redis.error_reply('CONFLICT this challenge id is taken') end
  if phone ~= '' and phone ~= record[2] then return reply('other_phone') end
  phone, purpose, locale = record[2], record[3], record[4]
  if record[10] == '1' or now >= expires or tonumber(record[9]) >= max_attempts then
    return reply('not_live')
  end
  if now < last + cooldown then return reply('cooldown', expires, last + cooldown, sends) end
  expires = math.max(expires, math.min(now + life, created + max_life))
elseif mode == 'resend' then
  phone = ''
  return reply('not_live')
end

-- Can the service send at all?
local refused, retry = nil, 0
local function refuse(rule, after)
  if not refused or after > retry then refused, retry = rule, after end
end
local open_until = tonumber(redis.call('HGET', breaker, 'until') or 0)
if open_until > now then return reply('refused', 0, 0, 0, 'breaker_open', open_until - now) end
if redis.call('XLEN', jobs) + redis.call('ZCARD', delayed) >= queue_max then
  return reply('refused', 0, 0, 0, 'queue_full', 5000)
end
local oldest = redis.call('XRANGE', jobs, '-', '+', 'COUNT', 1)[1]
if oldest and #oldest[2] == 2 then -- it was never delayed or given back after a run
  local accepted = tonumber(string.match(oldest[2][2], '"accepted_at":(%d+)'))
  if accepted and now - accepted > queue_max_age then
    -- One that workers died over is late for its own reasons.
    local pending = redis.pcall('XPENDING', jobs, 'workers', oldest[1], oldest[1], 1)
    local taken_over = not pending.err and pending[1] and pending[1][4] > 1
    if not taken_over then return reply('refused', 0, 0, 0, 'queue_slow', 5000) end
  end
end

-- May this phone and this address ask? Locks, device lanes, prefixes and budgets join here.
local digits_of_phone = string.sub(phone, 2)
local log_key = log_prefix .. digits_of_phone
local log = redis.call('LRANGE', log_key, 0, -1)
local longest, keep = 0, 0
for i = FIRST_WINDOW, #ARGV, 2 do
  local count, span = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  longest, keep = math.max(longest, span), math.max(keep, count)
  local at = tonumber(log[#log - count + 1])
  if at and now < at + span then
    refuse('phone_' .. math.floor((i - FIRST_WINDOW) / 2), at + span - now)
  end
end
local step = 60000 / address_per_minute -- 0 where no address is counted
local arrival = now
if address_per_minute > 0 then
  arrival = math.max(now, tonumber(redis.call('GET', address) or 0))
  local wait = arrival + step - now - 60000
  if wait > 0 then refuse('address', math.ceil(wait)) end
end
if refused then
  -- For people who ask later; no decision reads it. See hot_state/phone_state.rs.
  local window = string.match(refused, '^phone_(%d+)$')
  if window then
    local key = refusals_prefix .. digits_of_phone
    local known = redis.call('HMGET', key, 'n' .. window, 't' .. window)
    if tonumber(known[1] or 0) < 100 or now - tonumber(known[2]) >= 60000 then
      redis.call('HINCRBY', key, 'n' .. window, 1)
      redis.call('HSET', key, 't' .. window, number(now))
      redis.call('PEXPIRE', key, refusals_life)
    end
  end
  return reply('refused', 0, 0, 0, refused, retry)
end

-- Granted.
sends = sends + 1
if address_per_minute > 0 then
  redis.call('SET', address, string.format('%.3f', arrival + step), 'PX', 120000)
end
redis.call('RPUSH', log_key, number(now))
if #log >= keep then redis.call('LTRIM', log_key, -keep, -1) end
redis.call('PEXPIRE', log_key, longest + 60000)
if exists then
  redis.call('HSET', challenge, 'r', nonce, 'e', number(expires), 't', number(now), 'n', sends)
else
  redis.call('HSET', challenge, 'r', nonce, 'p', phone, 'u', purpose, 'l', locale, 'k', kid,
    's', salt, 'd', digits, 'c', number(now), 'e', number(expires), 't', number(now), 'n', 1,
    'a', 0, 'b', 0, 'x', 0)
  if trace ~= '' then redis.call('HSET', challenge, 'w', trace) end
  if purpose == 'sign_in' then
    local list = list_prefix .. digits_of_phone
    redis.call('RPUSH', list, id)
    redis.call('LTRIM', list, -20, -1)
    redis.call('PEXPIRE', list, 2 * max_life)
  end
end
redis.call('PEXPIRE', challenge, 2 * (expires - created))
local job = '{"v":1,"kind":"send","challenge":"' .. id .. '","send":' .. sends
  .. ',"channel":"' .. channel .. '","accepted_at":' .. number(now)
  .. ',"deadline":' .. number(expires - margin)
if trace ~= '' then job = job .. ',"trace":"' .. trace .. '"' end
if request ~= '' then job = job .. ',"request":"' .. request .. '"' end
redis.call('XADD', jobs, '*', 'j', job .. '}')
return reply('sent', expires, now + cooldown, sends)
