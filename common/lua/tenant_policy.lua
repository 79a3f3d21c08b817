#!lua flags=no-writes
-- What an operator's settings say about a batch that a tenant asks for.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  tenant
-- ARGV[2]  agent id, or ""
-- ARGV[3]  trunk that the batch names, or "": the tenant's first
-- Returns  {trunks, calling window, timezone, caller ids, agent, credit}: the tenant's trunks as JSON, its default window as JSON and
--          its default zone, the caller ids of the batch's trunk as JSON, each "" where there is none; and of the agent "active",
--          "inactive", "unknown", or "" where none are listed; the credit in seconds, nil where there is no limit
-- Errors   ERR_INVALID
-- Bound    O(1)
-- @include lib/agent.lua
local tenant = check_id(ARGV[1], 64, 'tenant')
local agent, trunk = ARGV[2], ARGV[3]
local set = redis.call('HMGET', key_tenant(tenant), 'trunks', 'window', 'timezone', 'available_s')
if trunk == '' then
  trunk = (set[1] or ''):match('^%["([%w_-]+)"') or ''
end
local numbers = false
if trunk ~= '' and #trunk <= 64 and not trunk:match('[^%w_-]') then
  numbers = redis.call('HGET', key_trunk(trunk), 'caller_ids')
end
local agents = key_agents(tenant)
local state = ''
if redis.call('EXISTS', agents) == 1 then
  state = redis.call('HGET', agents, agent) or 'unknown'
end
return { set[1] or '', set[2] or '', set[3] or '', numbers or '', state, set[4] }
