-- Puts one delivery back, only if its score is still the expected one: the fence.
-- KEYS: unacked, unacked_index, held; then the lists. ARGV: tag, score, LPUSH or RPUSH, message. Returns 1 if done.
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
for i = 4, #KEYS do redis.call(ARGV[3], KEYS[i], ARGV[4]) end
return 1
