#!lua
-- Takes the lease on a request that creates something, or says what became of the same request before. The id of what is to
-- be created is chosen here, before anything is written: whoever takes the lease after a crash goes on with the same id.
--
-- KEYS[1]  prefix of the directory
-- ARGV[1]  tenant; "" for an operator
-- ARGV[2]  SHA-256 of the Idempotency-Key, hexadecimal
-- ARGV[3]  digest of the request: another one under the same key is refused
-- ARGV[4]  holder: this try
-- ARGV[5]  lease from now, ms
-- ARGV[6]  life of what is remembered, ms, from the first try
-- ARGV[7]  id of the batch that this try would create; "" for something else
-- ARGV[8]  how many requests of one tenant, or of all operators, are remembered at most
-- Returns  {"claimed", batch id, 0|1 (1: an earlier try may have written already)} | {"answered", status, answer}
--          | {"busy", ms until its lease passes} | {"other"} (the key was used with another digest) | {"full"}
-- Errors   ERR_INVALID
-- Bound    O(hours of a life)
-- Again    the same holder renews its lease, and is told the same
-- @include lib/idempotency.lua
local key = key_request(ARGV[1], ARGV[2])
local digest = check_id(ARGV[3], 64, 'digest')
local holder = check_id(ARGV[4], 64, 'holder')
local lease_ms, life_ms = check_number(ARGV[5], 'lease'), check_number(ARGV[6], 'life')
local most = check_number(ARGV[8], 'most')
if ARGV[7] ~= '' then
  check_id(ARGV[7], 48, 'batch')
end
if lease_ms <= 0 or life_ms < lease_ms then
  return redis.error_reply('ERR_INVALID lease')
end

-- Counts one more, where there is room for it. An hour is given up once all of it is forgotten.
local function count_another()
  local counts_key, now_hour, sum = key_request_counts(ARGV[1]), math.floor(NOW_MS / HOUR_MS), 0
  local counts = redis.call('HGETALL', counts_key)
  for i = 1, #counts, 2 do
    if (tonumber(counts[i]) + 1) * HOUR_MS + life_ms <= NOW_MS then
      redis.call('HDEL', counts_key, counts[i])
    else
      sum = sum + tonumber(counts[i + 1])
    end
  end
  if sum >= most then
    return false
  end
  redis.call('HINCRBY', counts_key, fmt(now_hour), 1)
  redis.call('PEXPIRE', counts_key, fmt(life_ms + HOUR_MS))
  return true
end

local known = redis.call('HMGET', key, 'digest', 'holder', 'lease_ms', 'batch', 'status', 'answer', 'is_resumed')
local is_known, status, answer, resumed = known[1], known[5], known[6], known[7] == '1'
if is_known and known[1] ~= digest then
  return { 'other' }
elseif status then
  return { 'answered', status, answer }
end
local left_ms = is_known and tonumber(known[3] or 0) - NOW_MS or 0
if is_known and known[2] ~= holder then
  if left_ms > 0 then
    return { 'busy', fmt(left_ms) }
  end
  resumed = true
end
if not is_known and not count_another() then
  return { 'full' }
end
local batch = is_known and (known[4] or '') or ARGV[7]
redis.call('HSET', key, 'digest', digest, 'holder', holder, 'lease_ms', fmt(NOW_MS + lease_ms), 'is_resumed', resumed and 1 or 0)
if not is_known then
  redis.call('HSET', key, 'created_ms', fmt(NOW_MS), 'batch', batch)
  redis.call('PEXPIRE', key, fmt(life_ms))
end
return { 'claimed', batch, resumed and 1 or 0 }
