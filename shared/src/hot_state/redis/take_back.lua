#!lua flags=allow-oom
-- Takes a try back that turned out right: it was no failure. Where it proved a number, that is
-- remembered of where it came from.
--
-- KEYS  those of the rows, then those of what proved a number
-- ARGV  1 now or '', 2 the rows, 3 how many keys the rows have; see limits.lua
local now = time_of(ARGV[1])
give_back(ARGV[2], 1, now)
for i = tonumber(ARGV[3]) + 1, #KEYS do prove(KEYS[i], now) end
return 1
