-- Masks e-mail addresses and card numbers in the answer's body, which is held until it is whole.
local function is_card(digits)
  local sum, double = 0, false
  for place = #digits, 1, -1 do
    local digit = string.byte(digits, place) - 48
    if double then
      digit = digit * 2
      if digit > 9 then digit = digit - 9 end
    end
    sum, double = sum + digit, not double
  end
  return #digits >= 13 and #digits <= 19 and sum % 10 == 0
end

local function mask_card(text)
  if is_card((string.gsub(text, "[ -]", ""))) then return "[redacted]" end
end

function envoy_on_response(handle)
  local body = handle:body()
  if body then
    local text = body:getBytes(0, body:length())
    local masked = string.gsub(text, "[%w._%%+-]+@[%w-]+%.[%w.-]+", "[redacted]")
    masked = string.gsub(masked, "%d[%d -]+%d", mask_card)
    if masked ~= text then body:setBytes(masked) end
  end
end
