-- Looks the bearer key up among those configured, takes it away, and says whose it is.
local consumers = {
@KEYS@
}

function envoy_on_request(handle)
  local headers = handle:headers()
  local presented = headers:get("authorization")
  local key = presented and string.match(presented, "^Bearer (.+)$")
  local consumer = key and consumers[key]
  if consumer then
    headers:remove("authorization")
    headers:replace("x-bench-consumer", consumer)
  else
    handle:respond({ [":status"] = "401", ["www-authenticate"] = "Bearer" }, "no such key\n")
  end
end
