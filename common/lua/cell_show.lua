#!lua flags=no-writes
-- How a cell is: its schema, whether it is stopped or closed, what is on its way in it, and who is there. Reads only.
--
-- KEYS[1]  cell prefix
-- Returns  {schema or "", stopped since ms or "", closed until ms or "", claimed, live, ended, events that no
--          notifier has dealt with, webhooks that have not ended, {"<process>/<id>/<oldest>/<newest>/<version>", last heard of ms, ...}}
-- Errors   none
-- Bound    O(processes)
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
local closed_until_ms = epoch_load().closed_until_ms
return { cell[1] or '', cell[2] or '', closed_until_ms > 0 and fmt(closed_until_ms) or '',
  redis.call('ZCARD', KEY_CLAIMED), redis.call('ZCARD', KEY_LIVE), redis.call('ZCARD', KEY_ENDED), events, webhooks,
  redis.call('ZRANGE', P .. 'processes', '(' .. fmt(NOW_MS - PRESENCE_MS), '+inf', 'BYSCORE', 'WITHSCORES') }
