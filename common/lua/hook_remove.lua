#!lua flags=allow-oom
-- Removes a webhook endpoint of a tenant, whose origin counts no longer among those that it may have. What waits for the
-- endpoint or is under way to it is dropped: nothing is tried again, nothing is listed, and what still comes of a batch that
-- names a URL there is dropped when it comes (hook_expand). A request that has left cannot be called back; its end changes
-- nothing (hook_finish). A later "create" of hook_endpoint makes the endpoint anew, with another secret.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  tenant
-- ARGV[2]  endpoint id
-- ARGV[3]  the tenant's event shard
-- Returns  the number of deliveries that had not ended
-- Errors   ERR_NOT_FOUND: the tenant has no such endpoint
-- Again    ERR_NOT_FOUND
-- Bound    O(attempts of the shard under way); the records of what waited and of what was given up go in steps of hook_poll
-- @include lib/hook_removed.lua

local tenant, endpoint, shard = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HMGET', hook.key_endpoint(endpoint), 'tenant', 'origin')
if not known[1] or known[1] ~= tenant then
  return redis.error_reply('ERR_NOT_FOUND endpoint')
end

-- What is claimed stays in the shard's set, which is the notifiers', until its attempt or its lease has ended.
local function drop_under_way()
  local dropped = 0
  for _, member in ipairs(redis.call('ZRANGE', hook.key_inflight(shard), 0, -1)) do
    local owner, event = string.match(member, '^([^/]+)/([^/]+)/')
    if owner == endpoint and redis.call('HGET', hook.key_delivery(event), 'state') == 'in_flight' then
      redis.call('DEL', hook.key_delivery(event), hook.key_body(event))
      dropped = dropped + 1
    end
  end
  return dropped
end

local dropped = redis.call('ZCARD', hook.key_queue(endpoint)) + drop_under_way()
redis.call('HINCRBY', hook.key_counts(shard), 'pending', fmt(0 - dropped))
redis.call('HDEL', P .. 'hooks:endpoints:t/' .. tenant, known[2])
redis.call('DEL', hook.key_endpoint(endpoint))
removed.put(shard, endpoint)
hook.ring_drop(shard, endpoint)
return dropped
