#!lua flags=allow-oom
-- The notifier's tick. It says that this notifier lives, shares the event shards between those that do, renews the
-- leases held, trims what every reader of a shard has acknowledged, drops what is left of removed endpoints, and tells what
-- there is to do. An idle notifier runs nothing else.
--
-- A notifier may hold ceil(shards / notifiers) shards: it gives back what is more and takes free ones up to that. One that
-- has not lived for two leases yet is a newcomer: where others are alive it neither counts nor holds any, so that one that
-- dies again and again leaves no shards behind it that nobody serves until their leases end.
--
-- KEYS[1]  the cell's prefix; further keys are derived from it
-- ARGV[1]  notifier id
-- ARGV[2]  lease, ms: how long presence and shards stay without another tick
-- ARGV[3]  number of shards
-- ARGV[4]  the most entries to trim from one shard
-- ARGV[5]  ms that this notifier has lived
-- Returns  { now ms, ms of the next due endpoint or -1, ms of the next claim to expire or -1, deliveries not ended,
--           ms that the endpoint longest servable has waited, notifiers alive without newcomers,
--           { { shard, 1 if taken just now, 1 if it has entries nobody read, entries read but not acknowledged,
--           ms that the oldest entry of both kinds has waited, 0 where there is none }, .. },
--           ms that any endpoint has waited, the failing and slow ones too }
-- Errors   none
-- Again    the same: renewing twice is renewing.
-- Bound    O(shards), each a few commands on the ends of its sets; trimming bounded by ARGV[4], dropping by 500 deliveries.
-- @include lib/hook_removed.lua

local owner = ARGV[1]
local lease_ms = tonumber(ARGV[2])
local shard_count = tonumber(ARGV[3])
local trim_limit = ARGV[4]
local lived_ms = tonumber(ARGV[5])
local NEWCOMER_LEASES = 2
local EXACT_TRIM = 500
local drops_left = 500
local key_notifiers = P .. 'hooks:notifiers'

-- How many share the shards, and whether this one is among them.
local function join(now)
  redis.call('ZREMRANGEBYSCORE', key_notifiers, '-inf', hook.whole_ms(now))
  local alive = redis.call('ZCARD', key_notifiers)
  local is_newcomer = alive > 0 and lived_ms < NEWCOMER_LEASES * lease_ms and not redis.call('ZSCORE', key_notifiers, owner)
  if is_newcomer then
    return alive, false
  end
  redis.call('ZADD', key_notifiers, hook.whole_ms(now + lease_ms), owner)
  return redis.call('ZCARD', key_notifiers), true
end

-- The shards held after renewing, giving back and taking; and which of them are new.
local function share_out(fair)
  local held, taken, free = {}, {}, {}
  for shard = 0, shard_count - 1 do
    local holder = redis.call('GET', hook.key_lease(shard))
    if holder == owner and #held < fair then
      redis.call('PEXPIRE', hook.key_lease(shard), lease_ms)
      held[#held + 1] = shard
    elseif holder == owner then
      redis.call('DEL', hook.key_lease(shard))
    elseif not holder then
      free[#free + 1] = shard
    end
  end
  for _, shard in ipairs(free) do
    if #held >= fair then
      break
    end
    redis.call('SET', hook.key_lease(shard), owner, 'PX', lease_ms)
    held[#held + 1] = shard
    taken[shard] = true
  end
  return held, taken
end

local function fields(flat)
  local map = {}
  for i = 1, #flat, 2 do
    map[flat[i]] = flat[i + 1]
  end
  return map
end

-- Stream ids as numbers that compare: ms and sequence apart, since both together pass 2^53.
local function id_less(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms < b_ms or (a_ms == b_ms and tonumber(a_seq) < tonumber(b_seq))
end

-- How long ago the entry was written.
local function age_ms(id)
  return math.max(0, NOW_MS - tonumber(string.match(id, '^%d+')))
end

-- The age of the oldest entry that the notifiers have not expanded.
local function waited_ms(key, group, is_new)
  if group.pending > 0 then
    return age_ms(redis.call('XPENDING', key, group.name)[2])
  end
  local first = is_new == 1 and redis.call('XRANGE', key, '(' .. group['last-delivered-id'], '+', 'COUNT', 1)[1]
  return first and age_ms(first[1]) or 0
end

-- Looks at one shard's stream: has it entries that the notifiers did not read, how many are read and not acknowledged, and
-- how long has the oldest of these waited. One that no notifier ever read counts from its end: they read it at once.
-- Trims everything before the first entry that some group still needs: exactly where little is left, by whole nodes
-- where a backlog goes; nothing while the notifiers' own group is missing, since they need it all.
local function look_at_stream(shard)
  local key = hook.key_events(shard)
  local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if not last then
    return 0, 0, 0
  end
  local is_new, unacked, waited, slowest, is_ours = 1, 0, age_ms(last[1]), nil, false
  for _, flat in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local group = fields(flat)
    local needed = group['last-delivered-id']
    if group.pending > 0 then
      needed = redis.call('XPENDING', key, group.name)[2]
    end
    if not slowest or id_less(needed, slowest) then
      slowest = needed
    end
    if group.name == hook.group then
      is_ours = true
      unacked = group.pending
      is_new = id_less(group['last-delivered-id'], last[1]) and 1 or 0
      waited = waited_ms(key, group, is_new)
    end
  end
  if is_ours and redis.call('XLEN', key) > EXACT_TRIM then
    redis.call('XTRIM', key, 'MINID', '~', slowest, 'LIMIT', trim_limit)
  elseif is_ours then
    redis.call('XTRIM', key, 'MINID', slowest)
  end
  return is_new, unacked, waited
end

local now = NOW_US / 1000
local alive, is_in = join(now)
local held, taken = share_out(is_in and math.ceil(shard_count / alive) or 0)

local reply, pending, expiry = {}, 0, nil
for i, shard in ipairs(held) do
  local is_new, unacked, waited = look_at_stream(shard)
  reply[i] = { shard, taken[shard] and 1 or 0, is_new, unacked, waited }
  if drops_left > 0 then
    drops_left = drops_left - removed.sweep(shard, drops_left)
  end
  pending = pending + tonumber(redis.call('HGET', hook.key_counts(shard), 'pending') or 0)
  local head = hook.head_ms(hook.key_inflight(shard))
  if head and (not expiry or head < expiry) then
    expiry = head
  end
end
local due = hook.next_due_ms(held, true)
local healthy = hook.next_due_ms(held, false) -- who is slow waits by itself
local lag = healthy and math.max(0, now - healthy) or 0
local slow_lag = due and math.max(0, now - due) or 0 -- of both: the longer one
return { NOW_MS, hook.due_reply(due), hook.due_reply(expiry), pending, math.floor(lag), alive, reply, math.floor(slow_lag) }
