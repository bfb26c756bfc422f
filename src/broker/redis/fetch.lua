-- Moves messages from lists to the un-acked record, all at once.
-- KEYS: unacked, unacked_index, consumers, held; then the lists, step by step, each step in the order of the queues.
-- ARGV: how many of queues with acks, how many of those without, consumer id, fair (1 or 0), most bytes, seconds that
--       the hints live; then for each queue: its name as JSON, no_ack (1 or 0).
-- Returns: whether the lists are empty (1 or 0), then queue number, tag, score, message for each.
local want, free = tonumber(ARGV[1]), tonumber(ARGV[2])
local fair, most, first = ARGV[4] == '1', tonumber(ARGV[5]), 7
local queues = (#ARGV - 6) / 2
local steps = (#KEYS - 4) / queues
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local out, bytes, cut = {0}, 0, false
local wanted, freed = want, free
-- What goes into the record: where it stands in `out`, its tag, its queue.
local places, tags, names = {}, {}, {}

local function last_tag(text, at)
  local found
  while true do
    local s = string.find(text, '"delivery_tag"', at, true)
    if not s then return found end
    found = string.match(text, '^"delivery_tag"%s*:%s*"([^"\\%c\128-\255]+)"', s) or found
    at = s + 14
  end
end

local function tag_of(raw)
  -- kombu writes it last of all: looking at the end first saves a walk through every message.
  local found = last_tag(raw, -120) or last_tag(raw, 1)
  if found and #found <= 200 then return found end
  return ''
end

local function take(list, q, count)
  local no_ack = ARGV[first + 2 * q - 1] == '1'
  local room = no_ack and free or want
  if room < count then count = room end
  if count < 1 or bytes >= most then
    cut = true
    return 0
  end
  local items = redis.call('RPOP', list, count)
  if not items then return 0 end
  for _, raw in ipairs(items) do
    bytes = bytes + #raw
    local n = #out
    out[n + 1], out[n + 2], out[n + 3], out[n + 4] = q, '', '', raw
    if not no_ack then
      local m = #places + 1
      places[m], tags[m], names[m] = n, tag_of(raw), ARGV[first + 2 * (q - 1)]
    end
  end
  if no_ack then free = free - #items else want = want - #items end
  return #items
end

for step = 0, steps - 1 do
  local live = {}
  for q = 1, queues do live[q] = q end
  while #live > 0 do
    local more = {}
    for _, q in ipairs(live) do
      local count = (fair and #live > 1) and 1 or 16
      local list = KEYS[4 + step * queues + q]
      local got
      repeat got = take(list, q, count) until fair or got < count
      if got == count then more[#more + 1] = q end
    end
    live = more
  end
end

if #places > 0 then
  local there, seen = redis.call('HMGET', KEYS[1], unpack(tags)), {}
  local entries, scores, held = {}, {}, {}
  for i, n in ipairs(places) do
    local tag, score = tags[i], string.format('%.6f', now + (i - 1) / 1000000)
    -- A message may be in several queues under one tag.
    if tag == '' or there[i] or seen[tag] then
      tag = (tag == '' and 'rcelery' or tag) .. '.' .. score .. '.' .. string.sub(ARGV[3], 1, 8)
    end
    if i == 1 and #places >= 32 then
      -- Beyond 64 bytes Redis keeps no compact form of the index, in which it would look for the place of each of the
      -- others one by one (zset-max-listpack-value).
      tag = tag .. '.' .. score .. '.' .. ARGV[3]
    end
    seen[tag] = true
    out[n + 2], out[n + 3] = tag, score
    entries[2 * i - 1], entries[2 * i] = tag, '[' .. out[n + 4] .. ', "", ' .. names[i] .. ']'
    scores[2 * i - 1], scores[2 * i] = score, tag
    held[2 * i - 1], held[2 * i] = tag, score
  end
  redis.call('HSET', KEYS[1], unpack(entries))
  redis.call('ZADD', KEYS[2], unpack(scores))
  redis.call('HSET', KEYS[4], unpack(held))
  redis.call('ZADD', KEYS[3], string.format('%.6f', now), ARGV[3])
  redis.call('EXPIRE', KEYS[3], ARGV[6])
  redis.call('EXPIRE', KEYS[4], ARGV[6])
end
if not cut and bytes < most and (wanted == 0 or want > 0) and (freed == 0 or free > 0) then
  -- A read, so that CLIENT TRACKING tells this connection of the next change.
  for i = 5, #KEYS do redis.call('LLEN', KEYS[i]) end
  out[1] = 1
end
return out
