-- Forgets deliveries, each only if its score is still the one under which it was delivered: the fence.
-- KEYS: unacked, unacked_index, held. ARGV: tag and score of each. Returns the tags that were somebody else's.
local stale = {}
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', KEYS[2], ARGV[i])
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    stale[#stale + 1] = ARGV[i]
  end
  redis.call('ZREM', KEYS[3], ARGV[i])
end
return stale
