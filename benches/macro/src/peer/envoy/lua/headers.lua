-- Sets and removes some fields of the request and of the answer.
function envoy_on_request(handle)
  local headers = handle:headers()
  local consumer = headers:get("x-bench-consumer")
  headers:replace("x-served-for", consumer)
  headers:remove("x-debug")
  handle:streamInfo():dynamicMetadata():set("headers", "consumer", consumer)
end

function envoy_on_response(handle)
  local known = handle:streamInfo():dynamicMetadata():get("headers")
  if known then handle:headers():replace("x-served-for", known["consumer"]) end
  handle:headers():remove("server")
end
