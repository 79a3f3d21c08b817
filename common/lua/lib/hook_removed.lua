-- @include hook.lua
-- What is left of endpoints that their tenants removed. An endpoint may be made anew at once, by the same id, so what
-- waited for it and what was given up is put aside by other names, and dropped some at a time.
local removed = {}

function removed.key(shard)
  return P .. 'hooks:removed:' .. shard
end

local function key_rest(endpoint, at, kind)
  return P .. 'hooks:rest:' .. endpoint .. '/' .. at .. '/' .. kind
end

-- Puts aside what `key` holds of the endpoint, where it holds anything; `kind`: "queue" or "dead". The dead ones stand for
-- the endpoint's log too: they are listed though there are none.
local function put_aside(shard, endpoint, kind, key)
  local at, is_there = fmt(NOW_US), redis.call('EXISTS', key) == 1
  if is_there then
    redis.call('RENAME', key, key_rest(endpoint, at, kind))
  end
  if is_there or kind == 'dead' then
    redis.call('ZADD', removed.key(shard), hook.whole_ms(NOW_US / 1000), endpoint .. '/' .. at .. '/' .. kind)
  end
end

function removed.put(shard, endpoint)
  put_aside(shard, endpoint, 'queue', hook.key_queue(endpoint))
  put_aside(shard, endpoint, 'dead', hook.key_dead(endpoint))
end

-- Drops a delivery, unless its state is another by now: it was delivered after all, or is sent again.
local function drop(event, kind)
  local known = redis.call('HMGET', hook.key_delivery(event), 'state', 'trigger')
  local state = known[1]
  if kind == 'queue' and (state == 'pending' or state == 'retrying') then
    redis.call('DEL', hook.key_delivery(event), hook.key_body(event))
  elseif kind == 'dead' and state == 'dead' and not known[2] then
    redis.call('DEL', hook.key_delivery(event))
  end
end

-- Drops up to `most` deliveries of the first that the shard has put aside. Returns how many it dropped.
function removed.sweep(shard, most)
  local rest = redis.call('ZRANGE', removed.key(shard), 0, 0)[1]
  if not rest then
    return 0
  end
  local endpoint, at, kind = string.match(rest, '^([^/]+)/(%d+)/(%a+)$')
  local key = key_rest(endpoint, at, kind)
  local part = redis.call('ZPOPMIN', key, most)
  for i = 1, #part, 2 do
    drop(part[i], kind)
  end
  if redis.call('EXISTS', key) == 0 then
    redis.call('ZREM', removed.key(shard), rest)
    if kind == 'dead' and redis.call('EXISTS', hook.key_endpoint(endpoint)) == 0 then
      redis.call('DEL', hook.key_log(endpoint))
    end
  end
  return #part / 2
end
