-- Grants or refuses requests for codes that came at the same time, one after the other: each sees what those before
-- it have written. They share the moment, what is known of the breaker and the delayed jobs, and the look at the
-- oldest job; everything else is each one's own, its trouble too. No two of them are about one challenge.
--
-- Of each, everything is checked before anything is written, so a refused request consumes nothing; that the limit of
-- a phone refused is counted. Its last write is the job.
--
-- This runs for every request, so it makes as few calls as it can, and gives them texts: Redis takes a microsecond to
-- write a number of Lua as one.
--
-- The record of a root is that of the challenge which began it (redis/record.rs has the fields); a challenge that
-- joined somebody's root has a record of its own kind.
--
-- KEYS  1 stream of jobs, 2 delayed jobs, 3 breaker, 4 the epoch; then of each request: the challenge as one that
--       began a root, as one that joined a root, the requests for the number from before its account was deleted,
--       and those of the limits (limits.lua)
-- ARGV  1 now or '', 2 to 4 prefixes of roots, of the requests for a number and of their refusals, 5 that of the limit
--       of a prefix, 6 numbers; then of each request those named below, see redis/accept.rs
-- Reply for each request, in order: the moment alone for a new challenge that began a root; {'failed', why} for one
--       that something stored is in the way of; else {outcome, now, expires_at, resend_at, sends, digits, rule (the
--       name of a guard, or the number of a limit), retry_after_ms, phone, purpose, locale, 1 if a message goes}
local FEWER_IN_A_MOMENT = 50000
local OF_EACH = 17 -- arguments
local jobs, delayed, breaker, epoch_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = tonumber(ARGV[1])
local roots_prefix, sends_prefix, refusals_prefix, limit_of_prefix = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local life, max_life, shared_for, cooldown, margin, max_attempts, queue_max, queue_max_age, behind_age,
  refused_for, refusals_life, log_length, log_span = struct.unpack('>i8i8i8i8i8i8i8i8i8i8i8i8i8', ARGV[6])

local shown_up_to = '+'
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  -- The id of a job is the moment when it came, so one that is young enough need not be read.
  shown_up_to = number(math.max(0, now - behind_age - 1))
end
local now_text = number(now)
-- No record of a root outlives this, counted from its beginning: who joins at its end makes it last twice as long.
local named_for = 3 * max_life
local log_life, log_entries = math.max(log_span, named_for) + KEPT_LONGER, math.max(log_length, 20)

-- Which keys belong to whom.
local requests, challenges = {}, {}
local next_key = 5
for first = 7, #ARGV, OF_EACH do
  local keys = { unpack(KEYS, next_key, next_key + ARGV[first] - 1) }
  next_key = next_key + #keys
  requests[#requests + 1] = { keys, first }
  challenges[#challenges + 1], challenges[#challenges + 2] = keys[1], keys[2]
end

-- Most requests find neither their challenge nor anything in the breaker or among the delayed jobs, and one call tells
-- all of them so.
challenges[#challenges + 1], challenges[#challenges + 2] = breaker, delayed
local known_at_all = redis.call('EXISTS', unpack(challenges))
local anything = known_at_all > 0 and redis.call('EXISTS', breaker, delayed)
local challenge_known = known_at_all > (anything or 0)
anything = anything and anything > 0
local open_until = anything and tonumber(redis.call('HGET', breaker, 'until') or 0) or 0

-- The job that has waited longest: whether it waits for too long, and whether messages wait at all.
local oldest, slow, behind
local function look_at_the_oldest()
  if oldest ~= nil then return end
  oldest, slow, behind = redis.call('XRANGE', jobs, '-', shown_up_to, 'COUNT', '1')[1] or false, false, false
  if oldest and #oldest[2] == 2 then -- it was never delayed or given back after a run
    local accepted = tonumber(string.match(oldest[2][2], '"accepted_at":(%d+)'))
    if accepted and now - accepted > queue_max_age then
      -- One that workers died over is late for its own reasons.
      local pending = redis.pcall('XPENDING', jobs, 'workers', oldest[1], oldest[1], '1')
      local taken_over = not pending.err and pending[1] and pending[1][4] > 1
      if not taken_over then
        slow = true
        return
      end
    end
    -- Messages wait where one that no worker has taken is older than a moment.
    local from, groups = '-', redis.pcall('XINFO', 'GROUPS', jobs)
    for _, group in ipairs(groups.err and {} or groups) do
      if group[2] == 'workers' then
        for i = 1, #group, 2 do
          if group[i] == 'last-delivered-id' then from = '(' .. group[i + 1] end
        end
      end
    end
    local waiting_job = redis.call('XRANGE', jobs, from, shown_up_to, 'COUNT', '1')[1]
    accepted = waiting_job and tonumber(string.match(waiting_job[2][2], '"accepted_at":(%d+)'))
    behind = accepted and now - accepted > behind_age
  end
end

-- The roots of these purposes are shared, each with its mark in the log of a number.
local MARKS = { sign_in = '=', register = '=r', reset_password = '=p' }

-- What is told of a root that serves this request too, and nothing of any other.
local function shared_root(id, mark)
  local fields = redis.call('HMGET', roots_prefix .. id, 'c', 'x', 'e', 'g', 't', 'z', 'h', 'n', 'd')
  local began = tonumber(fields[1])
  if began and (not mark or fields[2] ~= '1' and now <= began + shared_for) then return fields end
end

local function keep(key, time, is_new)
  redis.call('PEXPIRE', key, number(time), is_new and 'NX' or 'GT')
end

-- The moments of the requests for a number; those from before its account was deleted go with them.
local function write_log(log, key, erased_key)
  local first = math.max(1, #log - log_entries + 1)
  -- A root whose record is gone is named no longer.
  for i = first, #log - 1 do
    if #log[i] > 20 and moment_of(log[i]) + named_for < now then
      log[i] = string.gsub(log[i], '=[rpo]?%x+', '')
    end
  end
  redis.call('SET', key, table.concat(log, ' ', first), 'PX', number(log_life))
  if erased_key then redis.call('DEL', erased_key) end
end

local function accept(keys, first)
  local beginner, joined, erased_key = keys[1], keys[2], keys[3]
  local mode, nonce, id, channel, trace, request, phone, purpose, locale, new_root, kid, salt, digits =
    unpack(ARGV, first + 1, first + 13)
  local not_after, ever_read = struct.unpack('>i8i8', ARGV[first + 14])
  local rows, refill = rows_of(ARGV[first + 15]), ARGV[first + 16]
  local function reply(outcome, expires, resend, sends, rule, retry, texted)
    return { outcome, now, expires or 0, resend or 0, sends or 0, tonumber(digits) or 0,
      rule or '', retry or 0, phone, purpose, locale, texted and 1 or 0 }
  end

  -- What is known of the challenge.
  local own, record
  if challenge_known then
    -- One that began a root and went on to another is both, and lives where it joined.
    for _, key in ipairs({ joined, beginner }) do
      local found = redis.call('HMGET', key, 'r', 'p', 'u', 'l', 'c', 'e', 't', 'a', 'o', 'w')
      if found[2] then own, record = key, found break end
    end
  end
  local expires, asked, root
  if record then
    local created = tonumber(record[5])
    expires, asked, root = tonumber(record[6]), tonumber(record[7] or created), record[9] or id
    -- The clock was set back since.
    if asked > now then asked = now - cooldown end
    local function told(outcome)
      local known = redis.call('HMGET', roots_prefix .. root, 'd', 'n', 'z', 'c')
      digits = known[1] or digits
      local texted = tonumber(known[3] or known[4] or 0) == asked
      return reply(outcome, expires, asked + cooldown, tonumber(known[2] or 1), '', 0, texted)
    end
    if record[1] == nonce then -- the reply to this very request was lost: it was granted
      phone, purpose, locale = record[2], record[3], record[4]
      return told('sent')
    end
    if mode == 'new' then return redis.error_reply('CONFLICT this challenge id is taken') end
    if phone ~= '' and phone ~= record[2] then return reply('other_phone') end
    phone, purpose, locale = record[2], record[3], record[4]
    if now >= expires or tonumber(record[8] or 0) >= max_attempts then return reply('not_live') end
    if now < asked + cooldown then return told('cooldown') end
    local closed = redis.call('HMGET', roots_prefix .. root, 'x', 'y')
    if closed[1] == '1' and (closed[2] or root) == id then return reply('not_live') end
  elseif mode == 'resend' then
    phone = ''
    return reply('not_live')
  end

  -- Anyone who asked was refused meanwhile: this waited for too long.
  if not_after > 0 and now > not_after then return reply('late') end

  -- Can the service send at all?
  if open_until > now and open_until <= now + refused_for then
    return reply('refused', 0, 0, 0, 'breaker_open', open_until - now)
  end
  look_at_the_oldest()
  -- Nobody accepts so many in the moment before which none came.
  if oldest or anything or queue_max < FEWER_IN_A_MOMENT then
    local waiting = redis.call('XLEN', jobs) + (anything and redis.call('ZCARD', delayed) or 0)
    if waiting >= queue_max then
      return reply('refused', 0, 0, 0, 'queue_full', 5000)
    end
  end
  if slow then return reply('refused', 0, 0, 0, 'queue_slow', 5000) end

  -- May this phone and anyone who asks for it have a message?
  local digits_of_phone = string.sub(phone, 2)
  local sends_key = sends_prefix .. digits_of_phone
  local states = redis.call('MGET', sends_key, epoch_key, unpack(keys, 3, behind and #keys or 3 + ever_read))
  local epoch, erased = states[2], states[3]
  if not erased then erased_key = nil end
  -- An emptied Redis knows nothing of what was sent before, and says so.
  if not epoch then return reply('no_epoch') end
  local log = {}
  local known = erased and erased .. ' ' .. (states[1] or '') or states[1]
  if known then
    for send in string.gmatch(known, '%S+') do log[#log + 1] = send end
  end
  local remembered = known or epoch == '0' or now >= tonumber(epoch)
  -- Empty where nobody has looked; else it begins with a letter, also where there was nothing.
  if not remembered and refill ~= '' then
    for at = 2, #refill, 8 do log[#log + 1] = number((struct.unpack('>i8', refill, at))) end
    remembered = true
  else
    refill = ''
  end
  if #log > 0 and moment_of(log[#log]) > now then
    -- The clock was set back since: what lies ahead would keep the phone out for as long.
    for i, send in ipairs(log) do
      if moment_of(send) > now then log[i] = now_text .. string.match(send, '^%d+(.*)$') end
    end
    write_log(log, sends_key, erased_key)
  end
  local refused, retry, writes = look(rows, keys, 4, states, 3, now, log,
    limit_of_prefix .. string.sub(digits_of_phone, 1, -5), behind)
  -- Nothing else is against it, so the ledger is worth a look.
  if refused == 0 and not remembered then return reply('unremembered') end
  if refused > 0 then
    if refill ~= '' and #log > 0 then write_log(log, sends_key, erased_key) end
    -- For people who ask later; no decision reads it. See hot_state/phone_state.rs.
    local row = rows[refused]
    if row[1] == WINDOW and row[2] == 1 then
      local window = refused - 1 -- they stand first
      local key = refusals_prefix .. digits_of_phone
      local known = redis.call('HMGET', key, 'n' .. window, 't' .. window)
      if tonumber(known[1] or 0) < 100 or now - tonumber(known[2]) >= 60000 then
        redis.call('HINCRBY', key, 'n' .. window, '1')
        redis.call('HSET', key, 't' .. window, now_text)
        redis.call('PEXPIRE', key, number(refusals_life))
      end
    end
    return reply('refused', 0, 0, 0, number(refused), retry)
  end

  -- Granted: on the root that the number has for this purpose, or on a new one.
  local mark, repeated, shared = MARKS[purpose], root, nil
  if mark then
    for i = #log, 1, -1 do
      local at, begun = string.match(log[i], '^(%d+)' .. mark .. '(%x+)$')
      if at then
        if now <= at + shared_for then root, shared = begun, shared_root(begun, mark) end
        break
      end
    end
  end
  if repeated and not shared then root, shared = repeated, shared_root(repeated, mark) end
  local began, sends, texted, last, last_channel = now, 0, true, now, channel
  if shared then
    began, sends, digits = tonumber(shared[1]), tonumber(shared[8] or 1), shared[9]
    last = math.min(now, tonumber(shared[6] or shared[5] or began))
    last_channel = shared[7] or 'sms'
    -- Within the cooldown the message of a moment ago serves this request too.
    texted = now >= last + cooldown or channel ~= last_channel
    if texted then last, last_channel = now, channel end
  else
    root = new_root
  end
  if texted then sends = sends + 1 end
  -- Anyone who shares a root is told the life of any code, also where the root ends before: nobody learns
  -- that somebody else has asked. That its code is over then is for the counting scripts.
  local dies = began + max_life
  expires = mark and now + life or math.max(expires or 0, math.min(now + life, dies))
  local expires_text = number(expires)
  local function root_time(ends)
    return math.max(2 * (ends - began), 2 * (expires - now), mark and max_life or 0)
  end

  count(writes, nil, now)
  -- The moments of the requests for this phone, with the root that one began; one without a message of
  -- its own tells so.
  local entry = now_text
  if not shared then entry = entry .. (mark or '=o') .. root end
  if not texted then entry = entry .. '=-' end
  log[#log + 1] = entry
  write_log(log, sends_key, erased_key)

  -- What has not happened yet has no field; see redis/record.rs.
  if not shared then
    local more = {}
    if trace ~= '' then more = { 'w', trace } end
    if channel ~= 'sms' then more[#more + 1], more[#more + 2] = 'h', channel end
    redis.call('HSET', roots_prefix .. root, 'r', nonce, 'p', phone, 'u', purpose, 'l', locale,
      'k', kid, 's', salt, 'd', digits, 'c', now_text, 'e', expires_text, unpack(more))
    keep(roots_prefix .. root, root_time(expires), true)
  end
  if record and (own == joined or root == id) then
    redis.call('HSET', own, 'r', nonce, 'e', expires_text, 't', now_text)
    if own == joined then
      redis.call('HSET', own, 'o', root)
      redis.call('HSET', roots_prefix .. root, 'j' .. id, '1')
    end
    keep(own, 2 * (expires - now))
  elseif record then
    -- It goes on from the root that it began to another, as one that joined. To a release that knows no
    -- roots its session is used up: it would compare with the old code, and send that.
    redis.call('HSET', joined, 'r', nonce, 'p', phone, 'u', purpose, 'l', locale, 'c', record[5],
      'e', expires_text, 't', now_text, 'a', record[8] or '0', 'o', root, 'w', record[10] or '')
    keep(joined, 2 * (expires - now), true)
    redis.call('HSET', roots_prefix .. root, 'j' .. id, '1')
    redis.call('HSET', beginner, 'a', '1000')
  elseif shared then
    local traced = {}
    if trace ~= '' then traced = { 'w', trace } end
    redis.call('HSET', joined, 'r', nonce, 'p', phone, 'u', purpose, 'l', locale,
      'c', now_text, 'e', expires_text, 'o', root, unpack(traced))
    keep(joined, 2 * (expires - now), true)
  end
  if shared then
    local ends = math.max(tonumber(shared[4] or shared[3]), math.min(expires, dies))
    local more = {}
    if not record then more = { 'j' .. id, '1' } end
    redis.call('HSET', roots_prefix .. root, 'g', number(ends), 'z', number(last),
      'n', number(sends), 'h', last_channel, unpack(more))
    keep(roots_prefix .. root, root_time(ends))
  end
  if texted then
    -- A worker of the release before knows no roots: it leaves version 2 to others.
    local job = root == id and '{"v":1' or '{"v":2,"root":"' .. root .. '"'
    job = job .. ',"kind":"send","challenge":"' .. id .. '","send":' .. number(sends)
      .. ',"channel":"' .. channel .. '","accepted_at":' .. now_text
      .. ',"deadline":' .. number(math.min(expires, dies) - margin)
    if trace ~= '' then job = job .. ',"trace":"' .. trace .. '"' end
    if request ~= '' then job = job .. ',"request":"' .. request .. '"' end
    redis.call('XADD', jobs, '*', 'j', job .. '}')
  end
  if not record and not shared then return now end
  return reply('sent', expires, now + cooldown, sends, '', 0, texted)
end

-- What Redis refuses to everybody, as a replica does, is the answer to all: it refused the first write. What is stored
-- for one is in nobody else's way.
local replies = {}
for i, request in ipairs(requests) do
  local done, answer = pcall(accept, request[1], request[2])
  if not done then
    local refused = type(answer) == 'table'
    local why = refused and answer.err or tostring(answer)
    if refused and not (string.match(why, '^WRONGTYPE ') or string.match(why, '^ERR ')) then return answer end
    answer = { 'failed', why }
  elseif type(answer) == 'table' and answer.err then
    answer = { 'failed', answer.err }
  end
  replies[i] = answer
end
return replies
