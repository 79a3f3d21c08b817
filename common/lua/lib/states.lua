-- The two state machines as data, a line each: from, event, to. common/domain/call_state.c and batch_state.c hold the same rows;
-- tests/lua/test_states.py compares them and docs/states.md is generated from them. Nothing but call_move(), batch_move() and the
-- straight ways of call_claim, call_begin and call_finish writes a state. Texts, since a script makes each of its tables anew whenever it runs.
local CALL_TRANSITIONS = [[
  due claim claimed
  claimed release due
  claimed begin live
  claimed finish final
  live hangup ended
  live finish final
  live retry due
  live giveback due
  ended finish final
  ended retry due
  due finish final
  due reassert live
  claimed reassert live
  live reassert live
  ended reassert live
]]

local BATCH_TRANSITIONS = [[
  ingesting draft draft
  ingesting seal_future scheduled
  ingesting seal pending
  draft seal_future scheduled
  draft seal pending
  scheduled start pending
  pending begin processing
  pending finish completed
  processing finish completed
  paused finish completed
  scheduled pause paused
  pending pause paused
  processing pause paused
  paused resume_future scheduled
  paused resume pending
  paused resume_started processing
  draft cancel cancelling
  ingesting cancel cancelling
  scheduled cancel cancelling
  pending cancel cancelling
  processing cancel cancelling
  paused cancel cancelling
  cancelling finish cancelled
  draft fail failed
  ingesting fail failed
  scheduled fail failed
  pending fail failed
  processing fail failed
  paused fail failed
  cancelling fail failed
]]

local transitions = {} -- those that were asked for, by their machine
local function transition_to(machine, from, event)
  local known = transitions[machine]
  if not known then
    known = {}
    transitions[machine] = known
  end
  local step = ' ' .. from .. ' ' .. event .. ' '
  local to = known[step]
  if to == nil then
    to = machine:match(step .. '(%S+)') or false
    known[step] = to
  end
  return to
end

-- How an outcome counts once it is final (data-model's outcome table).
local SUCCEEDED = { COMPLETED = true }
