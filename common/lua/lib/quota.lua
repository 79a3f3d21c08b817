-- @include batch.lua
-- A tenant's quotas of what lies in the cell: batches and contacts that have not ended, and the bytes of those contacts. What
-- it uses is counted wherever a batch is written back (batches_flush).
local QUOTAS = { 'max_batches', 'max_queued_contacts', 'max_bytes' }
-- What Redis holds of a contact beside its record: its place in a bucket, and among the numbers seen.
local CONTACT_BYTES = 48
-- How many times max_bytes the batches may hold, until they are removed, beside contacts that have not ended.
local KEPT_TIMES = 4

-- What is to be answered where the tenant would use more than it may, or nil: its own quotas, or else `defaults`, "<batches>
-- <contacts> <bytes>" as the producer gave them to the batch at its creation; 0: no limit.
local function quota_refusal(tenant, defaults, batches_more, contacts_more, bytes_more)
  local own = redis.call('HMGET', key_tenant(tenant), unpack(QUOTAS))
  local used = redis.call('HMGET', key_load(tenant), 'batches', 'contacts', 'bytes', 'kept')
  local given = { (defaults or ''):match('^(%d+) (%d+) (%d+)$') }
  for i, more in ipairs({ batches_more, contacts_more, bytes_more }) do
    local most = tonumber(own[i] or given[i] or 0)
    local is_full = more > 0 and tonumber(used[i] or 0) + more > most
    local is_kept_full = QUOTAS[i] == 'max_bytes' and tonumber(used[4] or 0) > KEPT_TIMES * most
    if most > 0 and (is_full or is_kept_full) then
      return redis.error_reply('ERR_QUOTA ' .. QUOTAS[i] .. ' ' .. fmt(most))
    end
  end
end

-- Of so many contacts whose records and metadata have so many bytes.
local function contacts_bytes(n, bytes)
  return n * CONTACT_BYTES + bytes
end

-- The same for `n` more contacts of a batch, whose arguments ARGV[first..last] are. What is refused while it is made from
-- one request ends there: its producer gives it up, and nobody sees it. A draft, or a batch that runs, can take them later.
local function quota_refuse_part(batch, n, first, last)
  local bytes, argv = 0, ARGV
  for i = first, last do
    bytes = bytes + #argv[i]
  end
  local refusal = quota_refusal(batch.tenant, redis.call('HGET', key_batch(batch.id), 'quotas'), 0, n, contacts_bytes(n, bytes))
  if refusal and batch.state == 'ingesting' then
    batch_give_up(batch)
  end
  return refusal
end
