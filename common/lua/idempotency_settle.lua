#!lua flags=allow-oom
-- What became of a request whose lease is held (idempotency_claim).
--
-- KEYS[1]  prefix of the directory
-- ARGV[1]  tenant; "" for an operator
-- ARGV[2]  SHA-256 of the Idempotency-Key, hexadecimal
-- ARGV[3]  holder
-- ARGV[4]  "keep": it was done, and the same request gets this answer again | "forget": it was refused, the key is free for
--          another request | "release": it was not done, or nobody knows: the same request may go on with it at once
-- ARGV[5]  status, of "keep"
-- ARGV[6]  answer, of "keep"
-- Returns  1 | 0 (it is not this holder's: somebody else goes on with it, or it is over)
-- Errors   ERR_INVALID
-- Bound    O(1)
-- Again    changes nothing
-- @include lib/idempotency.lua
local key = key_request(ARGV[1], ARGV[2])
local holder = check_id(ARGV[3], 64, 'holder')
local how = ARGV[4]
if how == 'keep' then
  check_number(ARGV[5], 'status')
  if not ARGV[6] or ARGV[6] == '' then
    return redis.error_reply('ERR_INVALID answer')
  end
elseif how ~= 'forget' and how ~= 'release' then
  return redis.error_reply('ERR_INVALID how')
end
if redis.call('HGET', key, 'holder') ~= holder then
  return 0
end
if how == 'keep' then
  redis.call('HSET', key, 'status', ARGV[5], 'answer', ARGV[6])
  redis.call('HDEL', key, 'holder', 'lease_ms', 'is_resumed')
elseif how == 'forget' then
  local counts_key = key_request_counts(ARGV[1])
  local hour = fmt(math.floor(check_number(redis.call('HGET', key, 'created_ms'), 'created_ms') / HOUR_MS))
  redis.call('DEL', key)
  if redis.call('HEXISTS', counts_key, hour) == 1 and redis.call('HINCRBY', counts_key, hour, -1) <= 0 then
    redis.call('HDEL', counts_key, hour)
  end
else
  redis.call('HDEL', key, 'holder', 'lease_ms')
end
return 1
