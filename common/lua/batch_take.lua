#!lua
-- Writes a part of a batch's contacts as batch_ingest does, for the producer that wrote all that the batch has until now: it
-- knows their numbers, and has left out what it has already. The index of numbers stays behind meanwhile; whoever else comes
-- brings it up first (batch_index). Of contacts without ids and without metadata outside of their records.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch id
-- ARGV[2]  part: "<chunk>.<n>", both from 0; a plain number is a chunk of one part
-- ARGV[3]  digest of the part
-- ARGV[4]  contacts that are taken, at most 500
-- ARGV[5]  what the producer calls what it knows
-- ARGV[6]  how many contacts the batch has, as far as it knows
-- ARGV[7]  rows rejected before they came here
-- ARGV[8]  the columns that the records refer to, as for batch_ingest
-- ARGV[9]  index of each contact of the part that is left out, and "phone": "3 phone 17 phone"
-- ARGV[10..] for each contact that is taken: ordinal, record; then, at most 1000, lines about what was not (lib/rows.lua)
-- Returns  what batch_ingest does; {-2, 0} where the producer does not know all: nothing was written
-- Errors   ERR_INVALID, ERR_NOT_FOUND, ERR_STATE <state> (sealed, and nobody holds the lease to append), ERR_EXISTS (the
--          part was written with another digest), ERR_QUOTA <quota> <limit>: a creation that is not a draft ends by it
-- Bound    O(contacts); 50 commands
-- Again    the same part and digest answers the first answer
-- @include lib/part.lua
local id = check_id(ARGV[1], 48, 'batch')
local part = ARGV[2] or ''
local digest = check_id(ARGV[3], 64, 'digest')
local n = check_number(ARGV[4], 'contacts')
local knows = check_id(ARGV[5], 64, 'name')
local total = check_number(ARGV[6], 'total')
local rejected = check_number(ARGV[7], 'rejected')
local columns = ARGV[8] or ''
local FIRST, LINES_MOST = 10, 1000
local lines_at = FIRST + n * 2
if n < 0 or n > PART_MOST or n % 1 ~= 0 or #ARGV < lines_at - 1 or #ARGV > lines_at + LINES_MOST or rejected < 0
  or (n > 0 and (ARGV[FIRST] ~= fmt(total) or ARGV[lines_at - 2] ~= fmt(total + n - 1))) then
  return redis.error_reply('ERR_INVALID contacts')
end
local batch, answer, columns_known = part_admit(id, part, digest, columns)
if not batch then
  return answer
end

-- Nobody else may have written: as long as the same name stands there, each part was taken after all that its producer knew
-- of. Where Redis lost its last writes, or a part was not taken, there are fewer than it thinks.
local seen_by = redis.call('HGET', key_batch(id), 'seen_by')
if total ~= batch.total or (seen_by or knows) ~= knows or (not seen_by and total > 0) then
  return { -2, 0 }
end
local refusal = quota_refuse_part(batch, n, FIRST, lines_at - 1)
if refusal then
  return refusal
end
if not seen_by then
  redis.call('HSET', key_batch(id), 'seen_by', knows, 'seen_upto', 0)
end
part_add_columns(id, columns, columns_known)

local argv, bytes, at = ARGV, 0, FIRST
while at < lines_at do
  local last = math.min(total - total % BUCKET + BUCKET, batch.total + n)
  local to = at + 2 * (last - total) - 1
  redis.call('HSET', key_bucket(id, 'contacts', total), unpack(argv, at, to))
  at, total = to + 1, last
end
for i = FIRST + 1, lines_at - 1, 2 do
  bytes = bytes + #argv[i]
end
batch.bytes = batch.bytes + contacts_bytes(n, bytes)
batch.total = total

local left_out, chunk, lines = {}, part:match('^%d+'), {}
for word in (ARGV[9] or ''):gmatch('%S+') do
  left_out[#left_out + 1] = word
end
for i = lines_at, #ARGV do
  lines[#lines + 1] = chunk .. ' ' .. ARGV[i]
end
return part_finish(batch, part, digest, left_out, rejected, lines)
