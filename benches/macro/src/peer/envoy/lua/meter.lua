-- Counts requests, bytes and what they cost. Lua has no metrics of Envoy's and no call at the end, so it counts in variables.
local requests, bytes, cost = 0, 0, 0

function envoy_on_response(handle)
  local length = 0
  for chunk in handle:bodyChunks() do
    length = length + chunk:length()
  end
  requests, bytes, cost = requests + 1, bytes + length, cost + 1000 + 2 * length
end
