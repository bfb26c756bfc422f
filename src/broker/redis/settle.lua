-- Forgets deliveries, each only if its score is still the one under which it was delivered: the fence.
-- KEYS: unacked, unacked_index, held. ARGV: the scores, then the tags. Returns the tags that were somebody else's.
local count = #ARGV / 2
local tags = {}
for i = 1, count do tags[i] = ARGV[count + i] end
local scores = redis.call('ZMSCORE', KEYS[2], unpack(tags))
local ours, stale = {}, {}
for i, tag in ipairs(tags) do
  local score = scores[i]
  if score and tonumber(score) == tonumber(ARGV[i]) then
    ours[#ours + 1] = tag
  else
    stale[#stale + 1] = tag
  end
end
if #ours > 0 then
  redis.call('ZREM', KEYS[2], unpack(ours))
  redis.call('HDEL', KEYS[1], unpack(ours))
end
redis.call('HDEL', KEYS[3], unpack(tags))
return stale
