#!lua flags=allow-oom
-- Leases calls whose next check is due, so that one worker looks each up. A worker that dies lets the lease pass and
-- another takes it.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  most calls (1..64)
-- ARGV[2]  lease, ms
-- Returns  {now us, next check ms or "", {batch, ordinal, dial, state text, trunk, tenant}, ...}; the text has "y=2" where
--          the call is to be hung up (a cancel that wanted that)
-- Errors   ERR_INVALID
-- Bound    O(calls * log n); 30 commands, and 8 for each call
-- @include lib/call.lua
local most = math.min(check_number(ARGV[1], 'calls'), 64)
local lease_ms = check_number(ARGV[2], 'lease')
local reply = { fmt(NOW_US), '' }
for _, member in ipairs(redis.call('ZRANGE', KEY_LIVE, '-inf', fmt(NOW_MS), 'BYSCORE', 'LIMIT', 0, most)) do
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
local head = redis.call('ZRANGE', KEY_LIVE, 0, 0, 'WITHSCORES')
reply[2] = head[2] and fmt(tonumber(head[2])) or ''
return reply
