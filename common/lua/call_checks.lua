#!lua flags=allow-oom
-- Leases calls whose next check is due, so that one worker looks each up. A worker that dies lets the lease pass and
-- another takes it.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  most calls (1..64)
-- ARGV[2]  lease, ms
-- Returns  {now us, next check ms or "", {batch, ordinal, dial, state text, trunk, tenant}, ...}; the text has "y=2" where
--          the call is to be hung up (a cancel that wanted that); among them {"torn", what, why} of each that nothing could be
--          made of for what Redis holds of it: it is looked at again in ASIDE_MS
-- Errors   ERR_INVALID
-- Bound    O(calls * log n); 40 commands, and 8 for each call
-- @include lib/call.lua
-- @include lib/torn.lua
local most = math.min(check_number(ARGV[1], 'calls'), 64)
local lease_ms = check_number(ARGV[2], 'lease')
local ASIDE_MS = 60000
local reply = { fmt(NOW_US), '' }

local function lease(member)
  local batch_id, ordinal, dial = member:match('^([^/]+)/(%d+)/(%d+)$')
  local batch = batch_id and batch_load(batch_id)
  local text = batch and redis.call('HGET', key_bucket(batch_id, 'state', tonumber(ordinal)), ordinal)
  if text and batch.stops_live then
    text = text:gsub(' y=1', '') .. ' y=2'
  end
  if text then
    redis.call('ZADD', KEY_LIVE, fmt(NOW_MS + lease_ms), member)
    reply[#reply + 1] = { batch_id, ordinal, dial, text, batch.trunk, batch.tenant }
  else
    redis.call('ZREM', KEY_LIVE, member)
  end
end

-- Who was due first would keep all others from being looked up, those of other tenants too, and from their deadlines.
local is_cell_sound = false
local function set_aside(member, why)
  is_cell_sound = is_cell_sound or not torn.is_hopeless(why)
  if not is_cell_sound then
    fail(why)
  end
  redis.call('ZADD', KEY_LIVE, fmt(NOW_MS + ASIDE_MS), member)
  reply[#reply + 1] = { 'torn', 'live ' .. member, why }
end

for _, member in ipairs(redis.call('ZRANGE', KEY_LIVE, '-inf', fmt(NOW_MS), 'BYSCORE', 'LIMIT', 0, most)) do
  local is_done, why = pcall(lease, member)
  if not is_done then
    set_aside(member, torn.text(why))
  end
end
local head = redis.call('ZRANGE', KEY_LIVE, 0, 0, 'WITHSCORES')
reply[2] = head[2] and fmt(tonumber(head[2])) or ''
return reply
