#!lua flags=allow-oom
-- A notifier that drains hands its shards over at once, instead of leaving them to their leases. What it has claimed
-- stays its own: finishing an attempt needs no shard.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  notifier id
-- ARGV[2]  number of shards
-- Returns  the number of shards given back
-- Errors   none
-- Again    0, nothing changes.
-- Bound    O(shards).
-- @include lib/hook.lua

local owner = ARGV[1]
local given_back = 0
for shard = 0, tonumber(ARGV[2]) - 1 do
  if redis.call('GET', hook.key_lease(shard)) == owner then
    redis.call('DEL', hook.key_lease(shard))
    given_back = given_back + 1
  end
end
redis.call('ZREM', P .. 'hooks:notifiers', owner)
return given_back
