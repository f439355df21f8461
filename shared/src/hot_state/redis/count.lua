-- Counts what somebody does by every limit of its step, or by none where one refuses.
--
-- KEYS  those of the rows
-- ARGV  1 now or '', 2 the rows, see limits.lua, 3 until when this may be carried out, or 0
-- Reply {number of the row that refuses, 0, or -1 where it is too late, milliseconds until it does not, now}
local now, not_after = time_of(ARGV[1]), tonumber(ARGV[3])
-- Anyone who asked was refused meanwhile.
if not_after > 0 and now > not_after then return { -1, 0, now } end
local states = #KEYS > 0 and redis.call('MGET', unpack(KEYS)) or {}
local refused, wait, writes, failures = look(rows_of(ARGV[2]), KEYS, 1, states, 0, now)
if refused == 0 then count(writes, failures, now) end
return { refused, wait, now }
