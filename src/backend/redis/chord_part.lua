-- Counts one part of a chord; whoever brings the last one claims the body. The same rule as Celery's: parts of one
-- chord may be counted by both.
-- KEYS: .j .t .s .d group .c
-- ARGV: task id, part, ordered (1 or 0), score, seconds the counters live, seconds the group lives, seconds of a claim,
--       token
-- Returns -1 (all is over) or 0 (not yet, or claimed by another) or 1 (claimed).
local parts, extra, size, seen, group, claim = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
if redis.call('GET', claim) == 'done' then return -1 end
-- SADD answers 1 for a member that was not there: one task may be twice in a header.
if redis.call('SADD', seen, ARGV[1] .. ':' .. ARGV[4]) == 1 then
  if ARGV[3] == '1' then
    redis.call('ZADD', parts, ARGV[4], ARGV[2])
  else
    redis.call('RPUSH', parts, ARGV[2])
  end
end
local count = redis.call(ARGV[3] == '1' and 'ZCARD' or 'LLEN', parts)
if tonumber(ARGV[5]) > 0 then
  for i = 1, 4 do redis.call('EXPIRE', KEYS[i], ARGV[5]) end
  if tonumber(ARGV[6]) > 0 then redis.call('EXPIRE', group, ARGV[6]) end
end
local wanted = redis.call('GET', size)
if not wanted then return 0 end
if count ~= tonumber(wanted) + tonumber(redis.call('GET', extra) or 0) then return 0 end
if redis.call('SET', claim, ARGV[8], 'NX', 'EX', ARGV[7]) then return 1 end
return 0
