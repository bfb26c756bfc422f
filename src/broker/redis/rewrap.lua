-- Replaces an entry of ours, only if its score is still the expected one: the fence.
-- KEYS: unacked, unacked_index. ARGV: tag, score, entry.
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
