#!lua flags=allow-oom
-- Makes or changes a trunk or a tenant, stops or starts it. A changed rate holds at once: what was reserved ahead at the
-- old pace is cut to one interval. Room that appears wakes whoever waited for it. A trunk that is started, or whose breaker is
-- switched off, has it closed.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  kind: "k" trunk | "t" tenant
-- ARGV[2]  id
-- ARGV[3]  "create" (ERR_EXISTS where it is there) | "set" (ERR_NOT_FOUND where it is not) | "put" (either)
-- ARGV[4..] field, value, ... at most 50 pairs; an empty value removes the field. cps gives interval_us; state is "active" or
--          "stopped"; available_s, of a tenant, is its credit in seconds ("": no limit), and "+<seconds>" adds to what is left
-- Returns  "created" | "changed"
-- Errors   ERR_INVALID, ERR_EXISTS, ERR_NOT_FOUND, ERR_STATE (credit is added where there is no limit), ERR_TOO_LARGE (the
--          credit would be more than 10^12 s)
-- Bound    O(fields + trunks of the cell)
-- Again    leaves the same, but for credit that is added: that is added again
-- @include lib/scheduler.lua
local CREDIT_MOST_S = 1000000000000
local kind, id, how = ARGV[1], check_id(ARGV[2], 64, 'id'), ARGV[3]
if (kind ~= 'k' and kind ~= 't') or (#ARGV - 3) % 2 ~= 0 or #ARGV > 3 + 100 then
  return redis.error_reply('ERR_INVALID resource')
end
local key = kind == 'k' and key_trunk(id) or key_tenant(id)
local is_there = redis.call('EXISTS', key) == 1
if how == 'create' and is_there then
  return redis.error_reply('ERR_EXISTS ' .. id)
elseif how == 'set' and not is_there then
  return redis.error_reply('ERR_NOT_FOUND ' .. id)
end

-- The tenant's credit after it is set, or "+<seconds>" is added to what is left.
local function credit_after(text)
  local is_added = text:sub(1, 1) == '+'
  local seconds = check_number(text:match('^%+?(%d+)$'), 'credit')
  local left_s = is_added and redis.call('HGET', key, 'available_s') or nil
  if is_added and not left_s then
    fail('ERR_STATE the tenant has no limit')
  end
  seconds = seconds + (tonumber(left_s) or 0)
  return seconds <= CREDIT_MOST_S and fmt(seconds) or fail('ERR_TOO_LARGE credit')
end

local set, gone, is_funded, closes_breaker = {}, {}, false, false
local function put(field, value)
  if value == '' then
    gone[#gone + 1] = field
  else
    set[#set + 1] = field
    set[#set + 1] = value
  end
end
for i = 4, #ARGV, 2 do
  if ARGV[i] == 'available_s' and kind == 't' and ARGV[i + 1] ~= '' then
    put(ARGV[i], credit_after(ARGV[i + 1]))
  else
    put(ARGV[i], ARGV[i + 1])
  end
  is_funded = is_funded or ARGV[i] == 'available_s'
  if ARGV[i] == 'cps' then
    local cps = check_number(ARGV[i + 1], 'cps')
    if cps < 1 or cps ~= math.floor(cps) then
      return redis.error_reply('ERR_INVALID cps')
    end
    put('interval_us', fmt(math.ceil(1005000 / cps)))
  elseif ARGV[i] == 'state' and ARGV[i + 1] ~= 'active' and ARGV[i + 1] ~= 'stopped' then
    return redis.error_reply('ERR_INVALID state')
  end
  closes_breaker = closes_breaker or (ARGV[i] == 'state' and ARGV[i + 1] == 'active')
    or (ARGV[i] == 'breaker_percent' and ARGV[i + 1] == '0')
end
if not is_there then
  put('created_ms', fmt(NOW_MS))
  redis.call('HSET', key, 'state', 'active')
  redis.call('SADD', P .. (kind == 'k' and 'index:trunks' or 'index:tenants'), id)
end
if #set > 0 then
  redis.call('HSET', key, unpack(set))
end
if #gone > 0 then
  redis.call('HDEL', key, unpack(gone))
end
if closes_breaker and kind == 'k' then
  breaker.forget(key)
end

-- Batches that are paused for want of credit go on in worker_tick, in bounded steps, if it suffices now.
if is_funded and kind == 't' then
  redis.call('HINCRBY', key, 'topups', 1)
  if redis.call('EXISTS', key_unfunded(id)) == 1 then
    redis.call('ZADD', KEY_FUNDED, fmt(NOW_MS), id)
    wake_workers()
  end
end

local resource = resource_load(kind, id)
if resource.tat_us and resource.interval_us then
  resource.tat_us = math.min(resource.tat_us, NOW_US + resource.interval_us)
end
commit()
local has_room = room(kind, resource) > 0
if resource.state == 'active' and (has_room or kind == 'k') then
  if kind == 'k' then
    if has_room then
      wake_trunk(id)
    end
    -- A trunk that is started while it is full is listed too: the next claim finds it so, and whoever makes room wakes it.
    if zset.head(key_flows_waiting(id)) or zset.head(key_flows_turn(id)) then
      touch_trunk(id, NOW_MS)
    end
  else
    wake_tenant(id)
    -- Flows that wait for the tenant's old pace come back to look at the new one.
    for _, trunk_id in ipairs(redis.call('SMEMBERS', P .. 'index:trunks')) do
      if zset.score(key_flows_waiting(trunk_id), id) then
        touch_flow(trunk_id, id, math.max(NOW_MS, math.ceil((resource.tat_us or 0) / 1000)))
      end
    end
  end
  wake_workers()
elseif kind == 'k' and resource.state ~= 'active' then
  zset.drop(KEY_TRUNKS, id)
end
commit()
return is_there and 'changed' or 'created'
