#!lua flags=no-writes
-- Which of a platform's calls to a number are known to be some dial's, for a platform that keeps no token of ours: those of
-- the dials to it that were begun lately, of any batch, and the contact's own however long ago. Those of its own dials that
-- Redis forgot are what is looked for. Reads only, changes nothing.
--
-- KEYS[1]  cell prefix
-- ARGV[1]  batch
-- ARGV[2]  ordinal
-- ARGV[3]  telephone number
-- Returns  {"<dial> <provider id>" of the contact's last dial that Redis forgot and a callback told of, or ""; provider id, ...},
--          at most 97
-- Errors   ERR_INVALID
-- Bound    O(1): 3 commands, of at most 64 dials and 32 lines
-- Again    the same
-- @include lib/call.lua
local batch_id, ordinal = check_id(ARGV[1], 48, 'batch'), check_number(ARGV[2], 'ordinal')
local phone = ARGV[3]
if not phone:match('^%d+$') or #phone > 15 then
  return redis.error_reply('ERR_INVALID number')
end

local reply = { '' }
local dials = redis.call('HGETALL', key_placed(phone))
local state = redis.call('HGET', key_bucket(batch_id, 'state', ordinal), fmt(ordinal)) or ''
local own, last = batch_id .. '/' .. fmt(ordinal) .. '/', tonumber(state:match(' l=(%d+)')) or 0
for i = 2, #dials, 2 do
  local provider_id = dials[i]:match('^%d+ (.+)$')
  local dial = dials[i - 1]:sub(1, #own) == own and tonumber(dials[i - 1]:sub(#own + 1)) or 0
  if provider_id and dial > last then
    reply[1], last = fmt(dial) .. ' ' .. provider_id, dial
  else
    reply[#reply + 1] = provider_id
  end
end
-- What is written of a number's dials goes after a while, and a contact may wait for longer.
local log = redis.call('HGET', key_bucket(batch_id, 'attempts', ordinal), fmt(ordinal)) or ''
for provider_id in log:gmatch(' p=([\33-\126]+)') do
  reply[#reply + 1] = provider_id
end
return reply
