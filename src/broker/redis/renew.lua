-- Says that this consumer lives, and gives what it still holds new scores.
-- KEYS: unacked_index, consumers, held. ARGV: consumer id, seconds that the hints live; then tag and score of each.
-- Returns for each its new score, or an empty text if it is somebody else's.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local out = {}
for i = 3, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then
    local fresh = string.format('%.6f', now + (i - 3) / 2000000)
    redis.call('ZADD', KEYS[1], fresh, ARGV[i])
    redis.call('HSET', KEYS[3], ARGV[i], fresh)
    out[#out + 1] = fresh
  else
    redis.call('HDEL', KEYS[3], ARGV[i])
    out[#out + 1] = ''
  end
end
redis.call('ZADD', KEYS[2], string.format('%.6f', now), ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[2])
return out
