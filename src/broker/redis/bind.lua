-- Adds a binding of a queue that expires. KEYS: the exchange's table, deadlines. ARGV: member, exchange, ms to live.
redis.call('SADD', KEYS[1], ARGV[1])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
redis.call('ZADD', KEYS[2], 'GT', now + tonumber(ARGV[3]), ARGV[2])
return 1
