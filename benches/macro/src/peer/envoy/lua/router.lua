-- Chooses one of two upstreams by weight and writes the choice into a field of the request, where a route could match it.
local weights = { { "first", 90 }, { "second", 100 } }

local function hash(text)
  local sum = 5381
  for place = 1, #text do
    sum = (sum * 33 + string.byte(text, place)) % 4294967296
  end
  return sum
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local place = hash(headers:get("x-request-id") or "") % 100
  for _, entry in ipairs(weights) do
    if place < entry[2] then
      headers:replace("x-upstream", entry[1])
      return
    end
  end
end
