-- What should be put back: deliveries older than the visibility timeout, and consumers that have not been heard of.
-- KEYS: unacked_index, consumers. ARGV: visibility timeout, silence that counts as death, limit (all numbers).
-- Returns {tag, score, …} newest first, and the ids of the dead.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local function before(seconds) return string.format('%.6f', now - tonumber(seconds)) end
return {
  redis.call('ZRANGE', KEYS[1], before(ARGV[1]), '0', 'BYSCORE', 'REV', 'LIMIT', '0', ARGV[3], 'WITHSCORES'),
  redis.call('ZRANGE', KEYS[2], '-inf', before(ARGV[2]), 'BYSCORE', 'LIMIT', '0', '100'),
}
