#!lua flags=no-writes
-- How a cell is: its schema, whether it is stopped or closed, what is on its way in it, how late it is, and who is there.
-- Reads only.
--
-- KEYS[1]  cell prefix
-- Returns  {schema or "", stopped since ms or "", closed until ms or "", claimed, live, ended, events that no
--          notifier has dealt with, webhooks that have not ended, {"<process>/<id>/<oldest>/<newest>/<version>", last heard of ms, ...},
--          epoch, trunks that have work, how late the most overdue of them is in ms, {worker, last seen ms, ...}}
-- Errors   none
-- Bound    O(processes + workers); 60 commands
-- Again    the same
-- @include lib/epoch.lua
local SHARDS = 16
local PRESENCE_MS = 35000
local GROUP = 'notifier'

-- The last entry stays in its stream when it was read (hook_poll).
local function unread(key)
  local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  for _, flat in ipairs(last and redis.call('XINFO', 'GROUPS', key) or {}) do
    local group = {}
    for i = 1, #flat, 2 do
      group[flat[i]] = flat[i + 1]
    end
    if group.name == GROUP then
      return group.pending + (group['last-delivered-id'] == last[1] and 0 or group.lag or redis.call('XLEN', key))
    end
  end
  return redis.call('XLEN', key)
end

local events, webhooks = 0, 0
for shard = 0, SHARDS - 1 do
  events = events + unread(P .. 'events:' .. shard)
  webhooks = webhooks + tonumber(redis.call('HGET', P .. 'hooks:counts:' .. shard, 'pending') or 0)
end
local cell = redis.call('HMGET', KEY_CELL, 'schema', 'stopped_ms')
local epoch = epoch_load()
local closed_until_ms = epoch.closed_until_ms
local next_trunk = redis.call('ZRANGE', KEY_TRUNKS, 0, 0, 'WITHSCORES')
return { cell[1] or '', cell[2] or '', closed_until_ms > 0 and fmt(closed_until_ms) or '',
  redis.call('ZCARD', KEY_CLAIMED), redis.call('ZCARD', KEY_LIVE), redis.call('ZCARD', KEY_ENDED), events, webhooks,
  redis.call('ZRANGE', P .. 'processes', '(' .. fmt(NOW_MS - PRESENCE_MS), '+inf', 'BYSCORE', 'WITHSCORES'),
  epoch.number, redis.call('ZCARD', KEY_TRUNKS), math.max(0, NOW_MS - (tonumber(next_trunk[2]) or NOW_MS)),
  redis.call('ZRANGE', KEY_WORKERS, 0, -1, 'WITHSCORES') }
