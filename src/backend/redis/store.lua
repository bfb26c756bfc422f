-- Stores results and tells who waits, each unless a SUCCESS is there.
-- KEYS: the results, the same one as often as you like. ARGV: for each its value, seconds to live (0: for ever), what the
-- caller has read and found replaceable.
-- Returns for each 1 (stored), 0 (a SUCCESS was there), or the present value, if only the caller can tell what it is.
local out, latest = {}, {}
local read = redis.call('MGET', unpack(KEYS))
for i, key in ipairs(KEYS) do
  local value, ttl, known = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  local present = latest[key] or read[i]
  local status
  if present and present ~= known then
    status = string.match(present, '^%s*{%s*"status"%s*:%s*"([^"\\]*)"') or present
  end
  if status == 'SUCCESS' then
    out[i] = 0
  elseif status and status == present then
    out[i] = present
  else
    if tonumber(ttl) > 0 then
      redis.call('SETEX', key, ttl, value)
    else
      redis.call('SET', key, value)
    end
    redis.call('PUBLISH', key, value)
    latest[key] = value
    out[i] = 1
  end
end
return out
