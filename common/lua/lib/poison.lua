-- @include pause.lua
-- @include note.lua
-- A batch whose calls are refused one after the other for what the batch itself asks, such as an agent that its platform does
-- not know, pauses itself before it has burnt its contacts (docs/decisions/0020-poison.md). `refused` counts them since the last
-- call that the platform took, or refused for its number.
-- So does one of which Redis holds what cannot be made use of.
local poison = { WORD = 'poison', MOST = 20, TORN = 'its data cannot be read' }

-- `refusal`: what its tenant is told; `why`: what the operator is.
function poison.pause(batch, refusal, why)
  if batch_pause(batch, poison.WORD, false, { 'error', refusal, 'code', 'BATCH_REFUSED' }) then
    redis.call('HSET', key_batch(batch.id), 'refusal', refusal)
    notes.add('poison', batch.id, why)
  end
end

function poison.refused(batch, why)
  batch.refused = (batch.refused or 0) + 1
  if batch.refused < poison.MOST or not SCHEDULABLE[batch.state] then
    return
  end
  poison.pause(batch, why, why)
end
