-- @include store.lua
-- @include note.lua
-- What Redis holds and nothing can be made of: a key that is none of its type, a field that does not parse, a member that is none.
-- Whatever it belongs to is set aside, and told of as {"torn", what, why}; the others go on.
local torn = { passed_over = {} } -- for commit()

torn.CELL = { KEY_TRUNKS, KEY_CLAIMED, KEY_ENDED, KEY_LIVE, KEY_PARKED, KEY_ENDING, KEY_EXPIRIES, KEY_HOURS, KEY_PURGE,
  KEY_APPENDING, KEY_FUNDED }

-- Whether a key is there and none of the type.
torn.COUNTS = { zset = 'ZCARD', hash = 'HLEN' }
function torn.is_key(key, of_type)
  local count = redis.pcall(torn.COUNTS[of_type], key)
  return type(count) == 'table' and count.err ~= nil
end

-- Whether to set anything aside would help nobody: what is the whole cell's is torn, or Redis's user lacks a right.
function torn.is_hopeless(why)
  if why:match("user executing the script can't ") then
    return true
  end
  for _, key in ipairs(torn.CELL) do
    if torn.is_key(key, 'zset') then
      return true
    end
  end
  return false
end

-- Of what pcall() caught.
function torn.text(why)
  return type(why) == 'table' and why.err or tostring(why)
end

-- Tells of the keys that a commit() could not write to.
function torn.tell()
  for _, one in ipairs(torn.passed_over) do
    notes.add('torn', 'key ' .. one[1]:sub(#P + 1), one[2])
  end
end

-- Ends a script that was asked about many calls. They share one commit(): where it ended at the first key that cannot be written to,
-- it would have counted some of the others, and each of them again when it is asked for alone.
function torn.answer(reply)
  commit(torn.passed_over, true)
  torn.tell()
  return notes.tell(reply)
end
