#!lua flags=allow-oom
-- Gives up a batch that is being ingested, whose creation is refused: it counts no more among what its tenant has, and its
-- records go in steps of worker_tick.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  tenant
-- Returns  "abandoned" | "kept" (there is none of this tenant, or it is no longer being ingested)
-- Errors   ERR_INVALID
-- Bound    O(log n); 10 commands
-- Again    answers "kept"
-- @include lib/batch.lua
local batch = batch_load(check_id(ARGV[1], 48, 'batch'))
if not batch or batch.tenant ~= check_id(ARGV[2], 64, 'tenant') or batch.state ~= 'ingesting' then
  return 'kept'
end
batch_give_up(batch)
return 'abandoned'
