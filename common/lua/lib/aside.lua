-- @include scheduler.lua
-- @include note.lua
-- Sets aside what a claim could not make use of: the innermost of what it was at, unless what holds that cannot be made use of
-- either.
local function aside()
-- @include poison.lua
-- @include torn.lua
local ASIDE_MS = 2000

-- `hand`: the ids of the trunk, the tenant and the batch that it was at. What is the whole cell's is nobody's whom to set aside
-- would help.
local function set_aside(hand, failure)
  local why = torn.text(failure)
  local trunk_id, tenant_id, batch_id = hand.trunk, hand.tenant, hand.batch

  local function is_torn(kind, id, types)
    for key, of_type in pairs(types) do
      if torn.is_key(key, of_type) then
        return true
      end
    end
    local resource = resource_load(kind, id)
    return resource ~= nil and (not resource.interval_us or type(resource.max_concurrent) == 'string')
  end

  local function is_trunk_torn()
    return is_torn('k', trunk_id, { [key_trunk(trunk_id)] = 'hash', [key_flows_waiting(trunk_id)] = 'zset',
      [key_flows_turn(trunk_id)] = 'zset', [key_flows_vt(trunk_id)] = 'hash', [key_flying('k', trunk_id)] = 'zset' })
  end

  local function is_flow_torn()
    return is_torn('t', tenant_id, { [key_tenant(tenant_id)] = 'hash', [key_lanes_waiting(trunk_id, tenant_id)] = 'zset',
      [key_lanes_ready(trunk_id, tenant_id)] = 'zset', [key_parked_flows(tenant_id)] = 'zset', [key_dialing(tenant_id)] = 'hash',
      [key_held(tenant_id)] = 'zset', [key_flying('t', tenant_id)] = 'zset' })
  end

  local function pause_batch()
    local batch = batch_load(batch_id)
    if batch then
      poison.pause(batch, poison.TORN, why)
      commit()
    end
  end

  local function drop_lane()
    zset.drop(key_lanes_waiting(trunk_id, tenant_id), batch_id .. '/' .. LANE)
    zset.drop(key_lanes_ready(trunk_id, tenant_id), batch_id .. '/' .. LANE)
    flow_check_empty(trunk_id, tenant_id)
  end

  if not trunk_id or torn.is_hopeless(why) then
    fail(why)
  end
  if not tenant_id or is_trunk_torn() then
    zset.put(KEY_TRUNKS, trunk_id, NOW_MS + ASIDE_MS)
    notes.add('torn', 'trunk ' .. trunk_id, why)
  elseif not batch_id or is_flow_torn() then
    flow_leave_turn(trunk_id, tenant_id)
    zset.put(key_flows_waiting(trunk_id), tenant_id, NOW_MS + ASIDE_MS)
    notes.add('torn', 'flow ' .. trunk_id .. '/' .. tenant_id, why)
  else
    if not pcall(pause_batch) then
      zset.discard()
    end
    if #notes.rows == 0 then
      notes.add('torn', 'batch ' .. batch_id, why)
    end
    drop_lane()
  end
  commit()
end

-- Tells of the keys that a commit() passed over.
local function tell(passed_over)
  torn.passed_over = passed_over
  torn.tell()
end

return { set = set_aside, tell = tell }
end
