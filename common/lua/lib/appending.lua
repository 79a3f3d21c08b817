-- @include batch.lua
-- Takes or renews a lease. False where too many others hold one.
local HOLDERS_MOST = 16
local function appending_take(batch, holder, lease_ms)
  local key = key_appending(batch.id)
  appending_list(batch)
  if not redis.call('ZSCORE', key, holder) and redis.call('ZCARD', key) >= HOLDERS_MOST then
    return false
  end
  redis.call('ZADD', key, fmt(NOW_MS + lease_ms), holder)
  appending_list(batch)
  return true
end
