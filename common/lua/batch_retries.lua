#!lua flags=no-writes
-- When the retries of a batch are due that wait: how many of them in each of equal steps of time. Reads only, changes
-- nothing.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- ARGV[3]  the most steps: 1 to 100
-- Returns  {now ms, total, those due by now, the next one's ms or "", the last one's ms or "", step ms, count, count, ...}
--          The last three are of those that lie ahead: a step is as many whole seconds as it takes, the first begins now,
--          and each holds its end and not its begin. Where none lies ahead the step is 0, and there are no counts
-- Errors   ERR_INVALID, ERR_NOT_FOUND (no such batch of this tenant)
-- Bound    O(steps * log n); 10 commands, and 1 for each step
-- Again    the same
-- @include lib/call.lua
local steps = check_number(ARGV[3], 'steps')
if steps < 1 or steps > 100 or steps % 1 ~= 0 then
  return redis.error_reply('ERR_INVALID steps')
end
local batch = batch_load(check_id(ARGV[1], 48, 'batch'))
if not batch or batch.tenant ~= check_id(ARGV[2], 64, 'tenant') or batch_is_hidden(batch) or batch.state == 'ingesting' then
  return redis.error_reply('ERR_NOT_FOUND batch')
end

local key = key_retry(batch.id)
local reply = { fmt(NOW_MS), redis.call('ZCARD', key), redis.call('ZCOUNT', key, '-inf', fmt(NOW_MS)), '', '', 0 }
local head = redis.call('ZRANGE', key, '(' .. fmt(NOW_MS), '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
if not head[2] then
  return reply
end
local last_ms = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
local step_ms = math.ceil((last_ms - NOW_MS) / steps / 1000) * 1000
reply[4], reply[5], reply[6] = fmt(tonumber(head[2])), fmt(last_ms), step_ms
for from_ms = NOW_MS, last_ms - 1, step_ms do
  table.insert(reply, redis.call('ZCOUNT', key, '(' .. fmt(from_ms), fmt(from_ms + step_ms)))
end
return reply
