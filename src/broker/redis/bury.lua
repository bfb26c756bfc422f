-- Forgets a consumer that holds nothing any more. KEYS: consumers, held. ARGV: consumer id.
if redis.call('HLEN', KEYS[2]) == 0 then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 1
