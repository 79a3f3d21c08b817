-- @include batch.lua
-- When a batch may call: its window's hours, published by C as "<open ms>-<close ms> ...", ascending and apart
-- (common/domain/calling_window.c), all there are before hours_until_ms; and its expiry. Beyond what is published the
-- window counts as closed, so that nothing is dialed on a guess; a worker publishes more in good time (KEY_HOURS).
local HOURS_MARGIN_MS = 86400000

local function batch_hours(batch)
  local stretches = {}
  for open, close in batch.hours:gmatch('(%d+)-(%d+)') do
    stretches[#stretches + 1] = { open = tonumber(open), close = tonumber(close) }
  end
  return stretches
end

-- The first stretch that closes after `at_ms`; nil where none is known. Every claimed call asks for it, mostly for the one
-- that it found last.
local function batch_stretch(batch, at_ms)
  local last = batch.stretch
  if last and last.opens_after <= at_ms and at_ms < last.close then
    return last
  end
  local closed = -1
  for open, close in batch.hours:gmatch('(%d+)-(%d+)') do
    close = tonumber(close)
    if close > at_ms then
      batch.stretch = { open = tonumber(open), close = close, opens_after = closed }
      return batch.stretch
    end
    closed = close
  end
  return nil
end

-- When what is due at `due_ms` may begin, seen from `from_ms` (nothing can begin before it): the due time itself where the
-- window is open then, or when it opened; else its next opening. nil where none is known, or the batch will have expired.
local function window_opening(batch, due_ms, from_ms)
  local opening = due_ms
  if batch.hours then
    local stretch = batch_stretch(batch, math.max(due_ms, from_ms))
    opening = stretch and math.max(due_ms, stretch.open)
  end
  if opening and batch.expires_ms and math.max(opening, from_ms) >= batch.expires_ms then
    return nil
  end
  return opening
end

-- Why no call of the batch may begin at `at_ms`: "expired", "window" or nil.
local function window_objection(batch, at_ms)
  if batch.expired_ms or (batch.expires_ms and at_ms >= batch.expires_ms) then
    return 'expired'
  end
  local opening = window_opening(batch, at_ms, at_ms)
  return (not opening or opening > at_ms) and 'window' or nil
end

-- Until when the batch may begin calls from now on without a break; 0 where it may begin none now.
local function window_shuts_ms(batch)
  if batch.expired_ms then
    return 0
  end
  local shuts_ms = math.min(batch.expires_ms or math.huge) -- fails where it is no number
  if batch.hours then
    local stretch = batch_stretch(batch, NOW_MS)
    shuts_ms = stretch and stretch.open <= NOW_MS and math.min(shuts_ms, stretch.close) or 0
  end
  return shuts_ms
end

-- Nothing new begins, and nothing is retried; what is on its way comes to its end.
local function batch_is_cut(batch)
  return CUT_STATES[batch.state] or batch.expired_ms ~= nil
end

-- ---- what time will bring: expiries and hours hold each batch that still waits for it ----

-- When what is left of the batch expires: at the end of its life, or with the last closing before it. nil: never.
local function batch_expiry_ms(batch)
  if not batch.expires_ms or not batch.hours or (batch.hours_until_ms or 0) < batch.expires_ms then
    return batch.expires_ms
  end
  local stretches = batch_hours(batch)
  return #stretches > 0 and math.min(stretches[#stretches].close, batch.expires_ms) or 0
end

-- When more hours are to be published; nil where all are, or it has none.
local function batch_renewal_ms(batch)
  if not batch.hours or (batch.expires_ms and batch.hours_until_ms >= batch.expires_ms) then
    return nil
  end
  local stretches = batch_hours(batch)
  if #stretches < 2 then
    return batch.hours_until_ms - HOURS_MARGIN_MS
  end
  return stretches[math.floor(#stretches / 2) + 1].open
end

local function batch_awaits_time(batch)
  return batch.sealed == '1' and not ENDED_STATES[batch.state] and not batch_is_cut(batch)
end

-- Lists the batch by when time will do something to it; not at all where it will not.
local function batch_list_times(batch)
  local awaits = batch_awaits_time(batch)
  for key, at_ms in pairs({ [KEY_EXPIRIES] = awaits and batch_expiry_ms(batch) or false,
    [KEY_HOURS] = awaits and batch_renewal_ms(batch) or false }) do
    if at_ms then
      redis.call('ZADD', key, fmt(at_ms), batch.id)
    else
      redis.call('ZREM', key, batch.id)
    end
  end
end

-- Contacts that were never begun end as `outcome` by arithmetic, all at once and once only, whatever cuts the batch again.
-- Those that wait for a retry end in worker_tick, with their events. How many there were.
local function batch_cut(batch, outcome)
  local remainder = batch.cancelled + batch.expired == 0 and batch.total - batch.cursor or 0
  batch.due = batch.due - remainder
  batch.failed = batch.failed + remainder
  if remainder > 0 then
    batch.outcomes[outcome] = (batch.outcomes[outcome] or 0) + remainder
  end
  redis.call('ZADD', KEY_ENDING, fmt(NOW_MS), batch.id)
  appending_drop(batch)
  return remainder
end
