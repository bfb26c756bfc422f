-- Removes the oldest messages of a list, if they are those that were read before.
-- Only at that end are messages taken, or given back, so they are if the first and the last of them are in their places.
--
-- KEYS: the list. ARGV: its last entry as it was read, the first of those to remove, how many they are.
-- Returns 1, or 0 if another consumer was faster.
local n = tonumber(ARGV[3])
if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] or redis.call('LINDEX', KEYS[1], -n) ~= ARGV[2] then
    return 0
end
redis.call('LTRIM', KEYS[1], 0, -n - 1)
return 1
