-- Reads the two leading fields of a contact record (proto/carillon/v1/contact.proto): phone = 1 as a varint, id = 2.
local function contact_phone(record)
  if not record or record:byte(1) ~= 0x08 then
    return nil
  end
  local value, scale, at = 0, 1, 2
  for _ = 1, 8 do
    local byte = record:byte(at)
    if not byte then
      return nil
    end
    at = at + 1
    if byte < 128 then
      return fmt(value + byte * scale), at
    end
    value = value + (byte - 128) * scale
    scale = scale * 128
  end
  return nil
end

local function contact_id(record)
  local phone, at = contact_phone(record)
  if not phone or record:byte(at) ~= 0x12 then
    return ''
  end
  local length = record:byte(at + 1)
  local from = at + 2
  if length >= 128 then
    length = length - 128 + record:byte(at + 2) * 128
    from = at + 3
  end
  return record:sub(from, from + length - 1)
end
