#!lua flags=allow-oom
-- Makes the group of the workers, from the very first job, unless another worker was faster.
-- KEYS 1 stream; ARGV 1 group
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
return 1
