-- @include scheduler.lua
-- @include pace.lua
-- What nobody could use of a trunk's and of a tenant's rate. A claim hands out slots up to a horizon ahead, and where
-- nobody is eligible it passes over the time until somebody is. Whoever comes then, a batch of high priority for one,
-- starts in such a gap and not behind the last slot. A gap lies before the TAT: a slot may have its first and its last
-- instant and any between.
--
-- The field `gaps` of the hash: "<us> <from>+<length> ...", ascending, counted from the first number. None is kept that is
-- shorter than a millisecond, in which times are waited for, and no more than a claim has calls.
local gaps = { MOST = 64, LEAST_US = 1000, LATE_US = 5000 }

function gaps.add(list, from_us, to_us)
  from_us = math.max(from_us, NOW_US)
  if to_us - from_us >= gaps.LEAST_US and #list < gaps.MOST then
    list[#list + 1] = { from_us, to_us }
  end
end

-- Those of the resource that still lie ahead.
function gaps.of(resource)
  if not resource.gaps then
    resource.gaps = {}
    local base, rest = (resource.gaps_text or ''):match('^(%d+) (.*)$')
    local last_us = (resource.was_tat_us or 0) - resource.interval_us -- its TAT may have been taken back meanwhile
    for from, length in (rest or ''):gmatch('(%d+)%+(%d+)') do
      local from_us = tonumber(base) + tonumber(from)
      gaps.add(resource.gaps, from_us, math.min(from_us + tonumber(length), last_us))
    end
  end
  return resource.gaps
end

-- The earliest instant, not before `at`, that the resource's slots leave free.
function gaps.earliest(resource, at_us)
  local tat_us = resource.tat_us
  if not tat_us or at_us >= tat_us then
    return at_us
  end
  local list = resource.gaps or gaps.of(resource)
  for i = 1, #list do
    local gap = list[i]
    if at_us <= gap[2] then
      return math.max(at_us, gap[1])
    end
  end
  return tat_us
end

-- A slot before the TAT: what is left of its gap stays. False where it lies in none.
function gaps.fill(resource, slot_us)
  local left, is_filled = {}, false
  for _, gap in ipairs(gaps.of(resource)) do
    if slot_us < gap[1] or slot_us > gap[2] then
      left[#left + 1] = gap
    else
      is_filled = true
      gaps.add(left, gap[1], slot_us - resource.interval_us)
      gaps.add(left, slot_us + resource.interval_us, gap[2])
    end
  end
  resource.gaps, resource.has_new_gaps = left, true
  return is_filled
end

-- Nobody has a slot between these two: a gap.
function gaps.leave(resource, free_us, slot_us)
  local list = gaps.of(resource)
  local n = #list
  gaps.add(list, free_us, slot_us - resource.interval_us)
  resource.has_new_gaps = resource.has_new_gaps or #list > n
end

-- It could go at `at`, and had nothing to do before: what pace_wake() says counts for its next slot, which may be another
-- claim's matter.
function gaps.wake(resource, at_us)
  resource.is_idle = resource.tat_us and not pace_wake(resource.tat_us, at_us, resource.interval_us)
end

-- A lane whose last call found a gap, and whose next finds none and has to start behind the others: that is no lateness to
-- make up for. Two of its calls at once would keep the log of its begins full for long.
function gaps.wake_lane(lane, at_us, f_us)
  local tat_us, interval_us = lane.batch.tat_us, lane.batch.interval_us
  lane.is_idle = tat_us and at_us - tat_us > interval_us or lane.is_in_gap and f_us - at_us > gaps.LATE_US
end

-- Charges the slot to the rate. Whether it lies in a gap.
function gaps.take(resource, slot_us)
  local tat_us, interval_us = resource.tat_us, resource.interval_us
  if tat_us and slot_us < tat_us and gaps.fill(resource, slot_us) then
    return true
  end
  local free_us = tat_us or NOW_US
  if slot_us - interval_us - free_us >= gaps.LEAST_US then
    gaps.leave(resource, free_us, slot_us)
  end
  if resource.is_idle then
    tat_us, resource.is_idle = nil, nil
  end
  resource.tat_us = pace_next(tat_us, slot_us, interval_us)
  return false
end

-- The log of begins has no room before its TAT.
function gaps.forget(resource)
  resource.gaps, resource.has_new_gaps = {}, resource.gaps_text ~= nil
end

-- What is left of a trunk or a tenant by a clock that was set back.
function gaps.clip(resource, horizon_us)
  if pace_clip(resource, horizon_us) then
    gaps.forget(resource)
  end
end

local function gaps_flush() -- by commit()
  for _, resource in pairs(resources) do
    if resource and resource.has_new_gaps then
      local list = resource.gaps
      local words = { list[1] and fmt(list[1][1]) }
      for _, gap in ipairs(list) do
        words[#words + 1] = fmt(gap[1] - list[1][1]) .. '+' .. fmt(gap[2] - gap[1])
      end
      resource.gaps_text = words[1] and table.concat(words, ' ') or nil
      if resource.gaps_text then
        redis.call('HSET', resource.key, 'gaps', resource.gaps_text)
      else
        redis.call('HDEL', resource.key, 'gaps')
      end
      resource.has_new_gaps = false
    end
  end
end

on_commit(gaps_flush)
