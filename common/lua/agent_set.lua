#!lua
-- Lists agents for a tenant, takes some off, or marks them. Where none are listed any agent may be named in a batch.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  tenant
-- ARGV[2]  agents that one tenant may have
-- ARGV[3..] agent id, "active" | "inactive" | "" (taken off), ... at most 500 pairs
-- Returns  {changed, listed now}
-- Errors   ERR_INVALID, ERR_NOT_FOUND (the tenant), ERR_STATE (too many; nothing is done)
-- Bound    O(agents given)
-- Again    changes nothing more
-- @include lib/agent.lua
local tenant, most = check_id(ARGV[1], 64, 'tenant'), check_number(ARGV[2], 'most')
local STATES = { active = true, inactive = true, [''] = true }
if #ARGV % 2 ~= 0 or #ARGV > 2 + 1000 then
  return redis.error_reply('ERR_INVALID agents')
end
local key, new = key_agents(tenant), 0
for i = 3, #ARGV, 2 do
  if not STATES[ARGV[i + 1]] or ARGV[i] == '' or #ARGV[i] > 512 then
    return redis.error_reply('ERR_INVALID agent')
  end
  if ARGV[i + 1] ~= '' and redis.call('HEXISTS', key, ARGV[i]) == 0 then
    new = new + 1
  end
end
if redis.call('EXISTS', key_tenant(tenant)) == 0 then
  return redis.error_reply('ERR_NOT_FOUND tenant')
end
if new > 0 and redis.call('HLEN', key) + new > most then
  return redis.error_reply('ERR_STATE the tenant has too many agents')
end
local changed = 0
for i = 3, #ARGV, 2 do
  local agent, state = ARGV[i], ARGV[i + 1]
  if state == '' then
    changed = changed + redis.call('HDEL', key, agent)
  elseif redis.call('HGET', key, agent) ~= state then
    redis.call('HSET', key, agent, state)
    changed = changed + 1
  end
end
return { fmt(changed), fmt(redis.call('HLEN', key)) }
