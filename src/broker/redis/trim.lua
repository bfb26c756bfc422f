-- Removes the oldest messages of a list, if they are those that were read a moment before.
-- Messages are taken, and given back, at that end only: if the newest of them and the oldest ones are in their places, so
-- are those in between.
--
-- KEYS: the list. ARGV: how many they are, the newest of them, the oldest ones from the oldest on.
-- Returns 1, or 0 if another consumer was faster.
local n = tonumber(ARGV[1])
if redis.call('LINDEX', KEYS[1], -n) ~= ARGV[2] then
    return 0
end
for at = 3, #ARGV do
    if redis.call('LINDEX', KEYS[1], 2 - at) ~= ARGV[at] then
        return 0
    end
end
redis.call('LTRIM', KEYS[1], 0, -n - 1)
return 1
