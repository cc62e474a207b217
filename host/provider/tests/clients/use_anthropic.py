"""Uses the package `anthropic` as an application does. Words: address and key. Prints what it saw."""

import json
import sys

import anthropic

address, key = sys.argv[1:]
client = anthropic.Anthropic(base_url=address, api_key=key, max_retries=0)
saw = {}

TOOL = {"name": "weather", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
THINKING = {"type": "enabled", "budget_tokens": 1024}


def failure(call):
    try:
        call()
    except anthropic.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.body["error"]["type"]]


def create(content, model="echo-1", **more):
    messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
    return client.messages.create(model=model, max_tokens=2000, messages=messages, **more)


saw["answer"] = create("Hello", system="Be brief.").content[0].text

# Thoughts and a call, streamed; both go back as they came.
asked = {"role": "user", "content": "weather"}
with client.messages.stream(
    model="think-1", max_tokens=2000, messages=[asked], tools=[TOOL], thinking=THINKING
) as stream:
    kinds = {event.type for event in stream}
    first = stream.get_final_message()
saw["kinds"] = sorted(kinds & {"message_start", "content_block_start", "content_block_delta", "content_block_stop",
                               "message_delta", "message_stop", "thinking", "signature", "input_json"})
saw["blocks"] = [block.type for block in first.content]
used = first.content[-1]
saw["input"] = list(used.input)
result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": used.id, "content": "sun"}]}
history = [asked, {"role": "assistant", "content": first.content}, result]
told = create(history, model="think-1", tools=[TOOL], thinking=THINKING)
saw["told"] = told.content[-1].text
saw["thought"] = told.usage.output_tokens_details.thinking_tokens > 0
forged = [dict(block.model_dump(), thinking="else") if block.type == "thinking" else block for block in first.content]
history[1] = {"role": "assistant", "content": forged}
saw["forged"] = failure(lambda: create(history, model="think-1", tools=[TOOL], thinking=THINKING))

system = [{"type": "text", "text": "word " * 1100, "cache_control": {"type": "ephemeral"}}]
usage = create("a", system=system).usage
saw["cache"] = [usage.input_tokens, usage.cache_creation_input_tokens > 1100, usage.cache_read_input_tokens]
saw["counted"] = client.messages.count_tokens(model="echo-1", messages=[{"role": "user", "content": "one two"}]).input_tokens
schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
formed = create("x", output_config={"format": {"type": "json_schema", "schema": schema}})
saw["formed"] = list(json.loads(formed.content[0].text))
saw["refusal"] = create("x", model="refuse-1").stop_reason
saw["models"] = [model.id for model in client.models.list(limit=2)]

saw["failures"] = {
    "key": failure(lambda: anthropic.Anthropic(base_url=address, api_key="wrong").models.list()),
    "model": failure(lambda: create("x", model="claude-9")),
    "value": failure(lambda: create("x", extra_body={"temperature": 1})),
    "limit": failure(lambda: create("x", model="echo-1~status=429")),
    "overload": failure(lambda: create("x", extra_headers={"x-provider-status": "529"})),
    "in_stream": failure(lambda: list(create("one two", stream=True, extra_headers={"x-provider-error-after": "2"}))),
}
print(json.dumps(saw))
