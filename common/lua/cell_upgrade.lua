#!lua flags=allow-oom
-- Raises the schema of a cell to what a newer build knows, once every process that is there knows it. There is no way back.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  oldest and
-- ARGV[2]  newest schema version of the build that asks; the cell gets the newest
-- ARGV[3]  "force": although older processes are there, which leave within seconds; "" otherwise
-- Returns  {schema before, schema now, "<process>/<id>/<oldest>/<newest>/<version>" of those that do not know it, ...}: where
--          there are such and it was not forced, nothing was changed. Workers and notifiers that do not say what they know
--          are older than any that does: process, id, 0, 0, "unknown"
-- Errors   ERR_STATE an empty cell, or one of a schema that the build does not know; ERR_INVALID
-- Bound    O(processes)
-- Again    answers the same with before = now
-- @include lib/epoch.lua
local KEY_PROCESSES = P .. 'processes'
local PRESENCE_MS = 35000
local oldest = check_number(ARGV[1], 'schema')
local newest = check_number(ARGV[2], 'schema')
local known = tonumber(redis.call('HGET', KEY_CELL, 'schema') or nil)
if not known then
  return redis.error_reply('ERR_STATE the cell is empty')
elseif known < oldest or known > newest then
  return redis.error_reply('ERR_STATE the cell speaks schema ' .. fmt(known) .. ', this build ' .. fmt(oldest) .. ' to ' ..
    fmt(newest))
end

local in_the_way, told = {}, {}
for _, presence in ipairs(redis.call('ZRANGE', KEY_PROCESSES, '(' .. fmt(NOW_MS - PRESENCE_MS), '+inf', 'BYSCORE')) do
  local id, knows = presence:match('^[^/]+/([^/]+)/%d+/(%d+)/')
  told[id or ''] = true
  if (tonumber(knows) or 0) < newest then
    in_the_way[#in_the_way + 1] = presence
  end
end

local function add_silent(process, key, since)
  for _, id in ipairs(redis.call('ZRANGE', key, '(' .. fmt(since), '+inf', 'BYSCORE')) do
    if not told[id] then
      in_the_way[#in_the_way + 1] = process .. '/' .. id .. '/0/0/unknown'
    end
  end
end

if known < newest then
  add_silent('carillon-worker', KEY_WORKERS, NOW_MS - PRESENCE_MS)
  add_silent('carillon-notifier', P .. 'hooks:notifiers', NOW_MS)
  if #in_the_way == 0 or ARGV[3] == 'force' then
    redis.call('HSET', KEY_CELL, 'schema', fmt(newest))
    redis.call('PUBLISH', KEY_WAKE, 'schema') -- older workers leave at once, whoever else is older when it is heard of next
    return { fmt(known), fmt(newest), unpack(in_the_way) }
  end
end
return { fmt(known), fmt(known), unpack(in_the_way) }
