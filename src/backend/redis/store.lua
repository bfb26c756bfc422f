-- Stores a result and tells who waits, unless a SUCCESS is there.
-- KEYS: the result. ARGV: value, seconds to live (0: for ever), what the caller has read and found replaceable.
-- Returns 1 (stored), 0 (a SUCCESS was there), or the present value, if only the caller can tell what it is.
local present = redis.call('GET', KEYS[1])
if present and present ~= ARGV[3] then
  local status = string.match(present, '^%s*{%s*"status"%s*:%s*"([^"\\]*)"')
  if status == 'SUCCESS' then return 0 end
  if not status then return present end
end
if tonumber(ARGV[2]) > 0 then
  redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1])
end
redis.call('PUBLISH', KEYS[1], ARGV[1])
return 1
