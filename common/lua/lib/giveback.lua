-- @include call.lua
-- @include credit.lua
-- @include breaker.lua
-- live -> due for a dial that was certainly not placed: the attempt is not charged, the next try gets a new dial number.
-- The rates' places stay used: the provider saw the request, or could have.
local function call_giveback(batch, call, at_ms, verdict)
  local member = call_member(batch, call)
  attempt_log(batch, call, 'd=' .. fmt(call.d) .. ' v=' .. verdict .. ' n=' .. fmt(at_ms))
  placed_forget(batch, call)
  credit.refund(batch, call)
  call.a = call.a - 1
  batch.attempts = batch.attempts - 1
  call.w, call.q, call.h, call.z, call.p, call.v = nil, nil, nil, nil, nil, nil
  call.n, call.g = at_ms, 1
  call_move(batch, call, 'giveback')
  call_let_go(batch, call)
  call_write(call)
  retry_add(batch, call, at_ms)
  breaker.pass_on(batch, member)
  zset.drop(KEY_LIVE, member)
end
