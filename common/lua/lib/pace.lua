-- @include cell.lua
-- Pacing: GCRA by theoretical arrival time (TAT, integer microseconds) for batch, tenant and trunk; lib/begins.lua proves each
-- rate. Mirrored in C by common/domain/pacing.c; tests/lua/test_pace.py holds them together.

-- The TAT after a call at `slot`: credit for lateness of at most one interval, so that a limit which shares a grid with a
-- faster one loses nothing; none on a first slot (no TAT).
local function pace_next(tat_us, slot_us, interval_us)
  if not tat_us then
    return slot_us + interval_us
  end
  local last_us = slot_us - interval_us
  return (tat_us > last_us and tat_us or last_us) + interval_us
end

-- The TAT of something that could have gone at `at` but had nothing to do: idleness earns no credit. Within an interval
-- it is lateness.
local function pace_wake(tat_us, at_us, interval_us)
  if tat_us and at_us - tat_us > interval_us then
    return nil
  end
  return tat_us
end

-- After a clock step a TAT could lie hours ahead. Whether it did.
local function pace_clip(resource, horizon_us)
  local latest = NOW_US + horizon_us + resource.interval_us
  if not resource.tat_us or resource.tat_us <= latest then
    return false
  end
  resource.tat_us = latest
  return true
end

-- A claimed call that was never begun gives its place back.
local function pace_refund(resource)
  if resource and resource.tat_us and resource.tat_us > NOW_US then
    resource.tat_us = resource.tat_us - resource.interval_us
  end
end
