-- @include store.lua
-- The log of begins: at most `cps` in any sliding second, whatever the workers do. begins:<resource> is a list of when its last
-- `cps` calls, or more, were begun. A script reads from it what it needs, and appends all that it begins at once, with commit().
-- AHEAD: one more than a script has calls, since with each that it adds it finds when the next may begin.
local begins = { SECOND_US = 1000000, RENEW_US = 2000000, TTL_MS = 4000, AHEAD = 65, logs = {} }

-- When one more begin keeps the rate at the earliest: not before the last one, and a second behind what was begun `cps` before.
function begins.free_us(log, last_us)
  local rank = log.n + log.n_added - log.cps
  if rank < 0 then
    return last_us
  end
  local nth = rank < log.n and log.old[rank - log.from + 1] or log.added[rank - log.n + 1]
  return math.max(last_us, tonumber(nth) + begins.SECOND_US + 1)
end

-- The log of a trunk ('k'), a tenant ('t') or a batch ('b'). n: how many of the begins in Redis may count; old: those at the ranks
-- from `from` on; was_last: the latest of them; added: by this script; room: how many of these need wait for none of before.
function begins.of(kind, id, cps)
  local key = key_begins(kind, id)
  local log = begins.logs[key]
  if log then
    return log
  end
  local last, is_wrong = tonumber(redis.call('LINDEX', key, -1) or nil), false
  if last and last > NOW_US + begins.SECOND_US then
    last, is_wrong = nil, true -- the clock stepped back: what the log holds lies in a future that will not come so soon
  end
  log = { cps = cps, was_last = last, is_wrong = is_wrong, n = 0, added = {}, n_added = 0, room = cps + 0, free_us = last or 0 }
  if last and last + begins.SECOND_US >= NOW_US then -- what is older does not count any more
    local n = redis.call('LLEN', key)
    log.n, log.from, log.room = n, math.max(0, n - cps), cps - n
    if n + begins.AHEAD > cps then
      log.old = redis.call('LRANGE', key, log.from, log.from + begins.AHEAD - 1)
      log.free_us = begins.free_us(log, last)
    end
  end
  begins.logs[key] = log
  return log
end

-- The earliest instant, not before `at_us`, at which one more begin keeps the rates of all three logs.
function begins.earliest(logs, at_us)
  local trunk_us, tenant_us, batch_us = logs[1].free_us, logs[2].free_us, logs[3].free_us
  if trunk_us > at_us then
    at_us = trunk_us
  end
  if tenant_us > at_us then
    at_us = tenant_us
  end
  return batch_us > at_us and batch_us or at_us
end

-- `text` is the instant as it is written.
function begins.add(logs, at_us, text)
  for i = 1, 3 do
    local log = logs[i]
    local n = log.n_added + 1
    log.n_added = n
    log.free_us = at_us
    log.added[n] = text
    if n >= log.room then
      log.free_us = begins.free_us(log, at_us)
    end
  end
end

on_commit(function()
  for key, log in next, begins.logs do
    if log.n_added > 0 then
      if log.is_wrong then
        redis.call('DEL', key)
      end
      local n, last, was_last = redis.call('RPUSH', key, unpack(log.added)), tonumber(log.added[log.n_added]), log.was_last
      if n >= 2 * log.cps + begins.AHEAD then
        redis.call('LTRIM', key, -log.cps, -1)
      end
      -- It lives on for twice as long as it counts at least, by one command in two seconds.
      if not was_last or was_last < last - last % begins.RENEW_US then
        redis.call('PEXPIRE', key, begins.TTL_MS)
      end
    end
  end
  begins.logs = {}
end, function()
  begins.logs = {}
end)
