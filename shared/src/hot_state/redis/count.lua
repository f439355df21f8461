-- Counts what somebody does by every limit of its step, or by none where one refuses.
--
-- KEYS  those of the rows
-- ARGV  1 now or '', 2 the rows; see limits.lua
-- Reply {number of the row that refuses, or 0, milliseconds until it does not}
local now = time_of(ARGV[1])
local keys = {}
local rows = read_rows(ARGV[2], 1, keys)
local states = #keys > 0 and redis.call('MGET', unpack(keys)) or {}
local refused, wait = look(rows, states, now)
if refused == 0 then count(rows, now) end
return { refused, wait }
