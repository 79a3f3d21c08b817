-- @include cell.lua
-- What a script brought about beyond the calls it was asked for: told behind its answers, for one worker to log and count.
local notes = { rows = {} }

function notes.add(...)
  notes.rows[#notes.rows + 1] = { ... }
end

function notes.tell(reply)
  for _, row in ipairs(notes.rows) do
    reply[#reply + 1] = row
  end
  return reply
end
