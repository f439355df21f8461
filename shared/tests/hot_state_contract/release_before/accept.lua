-- Grants or refuses one request for a code. Everything is checked before anything is written, so a
-- refused request consumes nothing; that the limit of a phone refused is counted. The last write is
-- the job.
--
-- This runs once for every request, so it makes as few calls as it can, and gives them texts: Redis
-- takes a microsecond to write a number of Lua as one.
--
-- KEYS  1 stream of jobs, 2 delayed jobs, 3 breaker, 4 challenge, 5 bucket of the address
-- ARGV  see redis/accept.rs; names below
-- Reply the moment alone for a new challenge that is granted; else {outcome, now, expires_at,
--       resend_at, sends, digits, rule, retry_after_ms, phone, purpose, locale}
local jobs, delayed, breaker, challenge, address = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now = tonumber(ARGV[1])
local mode, nonce, id, channel, trace, request =
  ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local sends_prefix, refusals_prefix = ARGV[8], ARGV[9]
local phone, purpose, locale = ARGV[10], ARGV[11], ARGV[12]
local kid, salt, digits = ARGV[13], ARGV[14], ARGV[15]
local life, max_life, cooldown, margin, max_attempts, queue_max, queue_max_age,
  address_per_minute, refusals_life, short_count, short_span, day_count, day_span =
  struct.unpack('>i8i8i8i8i8i8i8i8i8i8i8i8i8', ARGV[16])

local function number(value) return string.format('%d', value) end
local shown_up_to = '+'
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  -- The id of a job is the moment when it came, so one that is young enough need not be read.
  shown_up_to = number(math.max(0, now - queue_max_age - 1))
end
local now_text = number(now)
local function reply(outcome, expires, resend, sends, rule, retry)
  return { outcome, now, expires or 0, resend or 0, sends or 0, tonumber(digits) or 0,
    rule or '', retry or 0, phone, purpose, locale }
end

-- What is known of the challenge. Most requests find neither it nor anything in the breaker or among
-- the delayed jobs, and one call tells them so.
local anything = redis.call('EXISTS', challenge, breaker, delayed) > 0
local exists = anything and redis.call('EXISTS', challenge) == 1
local created, expires, sends = now, now + life, 0
if exists then
  local record = redis.call('HMGET', challenge,
    'r', 'p', 'u', 'l', 'c', 'e', 't', 'n', 'a', 'x', 'd')
  created, expires, sends = tonumber(record[5]), tonumber(record[6]), tonumber(record[8] or 1)
  local last = tonumber(record[7] or created)
  digits = record[11]
  if record[1] == nonce then -- the reply to this very request was lost: it was granted
    phone, purpose, locale = record[2], record[3], record[4]
    return reply('sent', expires, last + cooldown, sends)
  end
  if mode == 'new' then return redis.error_reply('CONFLICT this challenge id is taken') end
  if phone ~= '' and phone ~= record[2] then return reply('other_phone') end
  phone, purpose, locale = record[2], record[3], record[4]
  if record[10] == '1' or now >= expires or tonumber(record[9] or 0) >= max_attempts then
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
local open_until = anything and tonumber(redis.call('HGET', breaker, 'until') or 0) or 0
if open_until > now then return reply('refused', 0, 0, 0, 'breaker_open', open_until - now) end
local waiting = redis.call('XLEN', jobs) + (anything and redis.call('ZCARD', delayed) or 0)
if waiting >= queue_max then
  return reply('refused', 0, 0, 0, 'queue_full', 5000)
end
local oldest = redis.call('XRANGE', jobs, '-', shown_up_to, 'COUNT', '1')[1]
if oldest and #oldest[2] == 2 then -- it was never delayed or given back after a run
  local accepted = tonumber(string.match(oldest[2][2], '"accepted_at":(%d+)'))
  if accepted and now - accepted > queue_max_age then
    -- One that workers died over is late for its own reasons.
    local pending = redis.pcall('XPENDING', jobs, 'workers', oldest[1], oldest[1], '1')
    local taken_over = not pending.err and pending[1] and pending[1][4] > 1
    if not taken_over then return reply('refused', 0, 0, 0, 'queue_slow', 5000) end
  end
end

-- May this phone and this address ask? Locks, device lanes, prefixes and budgets join here.
local digits_of_phone = string.sub(phone, 2)
local sends_key = sends_prefix .. digits_of_phone
local known = redis.call('MGET', sends_key, address)
local log = {}
for send in string.gmatch(known[1] or '', '%S+') do log[#log + 1] = send end
local function look_at_window(name, count, span)
  local send = log[#log - count + 1]
  local at = send and tonumber(string.match(send, '^%d+'))
  if at and now < at + span then refuse(name, at + span - now) end
end
look_at_window('phone_0', short_count, short_span)
look_at_window('phone_1', day_count, day_span)
local step = 60000 / address_per_minute -- 0 where no address is counted
local arrival = now
if address_per_minute > 0 then
  arrival = math.max(now, tonumber(known[2] or 0))
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
      redis.call('HINCRBY', key, 'n' .. window, '1')
      redis.call('HSET', key, 't' .. window, now_text)
      redis.call('PEXPIRE', key, number(refusals_life))
    end
  end
  return reply('refused', 0, 0, 0, refused, retry)
end

-- Granted.
sends = sends + 1
local expires_text = number(expires)
if address_per_minute > 0 then
  local next = math.floor((arrival + step) * 1000)
  local text = string.format('%d.%03d', next / 1000, next % 1000)
  redis.call('SET', address, text, 'PX', '120000')
end
-- The moments of the sends to this phone, with the sign-in challenge that a send began.
local begins = not exists and purpose == 'sign_in'
log[#log + 1] = begins and now_text .. '=' .. id or now_text
local first = math.max(1, #log - math.max(short_count, day_count, 20) + 1)
redis.call('SET', sends_key, table.concat(log, ' ', first),
  'PX', number(math.max(short_span, day_span, 2 * max_life) + 60000))
if exists then
  redis.call('HSET', challenge, 'r', nonce, 'e', expires_text, 't', now_text, 'n', number(sends))
else
  local traced = {}
  if trace ~= '' then traced = { 'w', trace } end
  -- What has not happened yet has no field; see redis/record.rs.
  redis.call('HSET', challenge, 'r', nonce, 'p', phone, 'u', purpose, 'l', locale, 'k', kid,
    's', salt, 'd', digits, 'c', now_text, 'e', expires_text, unpack(traced))
end
redis.call('PEXPIRE', challenge, number(2 * (expires - created)))
local job = '{"v":1,"kind":"send","challenge":"' .. id .. '","send":' .. number(sends)
  .. ',"channel":"' .. channel .. '","accepted_at":' .. now_text
  .. ',"deadline":' .. number(expires - margin)
if trace ~= '' then job = job .. ',"trace":"' .. trace .. '"' end
if request ~= '' then job = job .. ',"request":"' .. request .. '"' end
redis.call('XADD', jobs, '*', 'j', job .. '}')
if not exists then return now end
return reply('sent', expires, now + cooldown, sends)
