-- Counts requests by consumer in a window, and tells the client where it stands.
local quota, seconds = 1000000000, 60
local windows = {}

function envoy_on_request(handle)
  local consumer = handle:headers():get("x-bench-consumer") or ""
  local now = os.time()
  local window = windows[consumer]
  if not window or window.ends <= now then
    window = { ends = now + seconds, taken = 0 }
    windows[consumer] = window
  end
  if window.taken >= quota then
    handle:respond({ [":status"] = "429" }, "too many requests\n")
    return
  end
  window.taken = window.taken + 1
  local standing = handle:streamInfo():dynamicMetadata()
  standing:set("rate-limit", "left", quota - window.taken)
  standing:set("rate-limit", "rest", window.ends - now)
end

function envoy_on_response(handle)
  local standing = handle:streamInfo():dynamicMetadata():get("rate-limit")
  if standing then
    local headers = handle:headers()
    headers:replace("ratelimit-policy", string.format('"requests";q=%d;w=%d', quota, seconds))
    headers:replace("ratelimit", string.format('"requests";r=%d;t=%d', standing["left"], standing["rest"]))
    headers:replace("x-ratelimit-limit-requests", string.format("%d", quota))
    headers:replace("x-ratelimit-remaining-requests", string.format("%d", standing["left"]))
    headers:replace("x-ratelimit-reset-requests", string.format("%ds", standing["rest"]))
  end
end
