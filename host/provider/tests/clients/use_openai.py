"""Uses the package `openai` as an application does. Words: address and key. Prints what it saw."""

import json
import sys

import openai
from pydantic import BaseModel

address, key = sys.argv[1:]
client = openai.OpenAI(base_url=address + "/v1", api_key=key, max_retries=0)
saw = {}


class Plan(BaseModel):
    title: str
    steps: list[str]
    hours: int | None


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}


def failure(call):
    try:
        call()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code]
    except openai.APIError as error:
        return [type(error).__name__, None, error.code]


def chat(text, model="echo-1", **more):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


# A conversation with a tool.
first = chat("weather", tools=[TOOL]).choices[0].message
saw["arguments"] = list(json.loads(first.tool_calls[0].function.arguments))
messages = [{"role": "user", "content": "weather"}, first,
            {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "sun"}]
saw["told"] = client.chat.completions.create(model="echo-1", messages=messages, tools=[TOOL]).choices[0].message.content

# A stream with its usage, put together by the client.
with client.chat.completions.stream(
    model="story-1", messages=[{"role": "user", "content": "weather in 9 words"}], tools=[TOOL],
    stream_options={"include_usage": True},
) as stream:
    final = stream.get_final_completion()
saw["words"] = len(final.choices[0].message.content.split())
saw["streamed_call"] = final.choices[0].message.tool_calls[0].function.name
saw["usage"] = [final.usage.prompt_tokens, final.usage.completion_tokens]

saw["plan"] = sorted(client.chat.completions.parse(
    model="echo-1", messages=[{"role": "user", "content": "plan"}], response_format=Plan,
).choices[0].message.parsed.model_dump())
saw["refusal"] = chat("x", model="refuse-1").choices[0].message.refusal
saw["choices"] = len(chat("x", n=3).choices)
thought = chat("x", model="think-1", reasoning_effort="low").usage
saw["thought"] = thought.completion_tokens_details.reasoning_tokens > 0

# Responses.
response = client.responses.create(model="echo-1", input="Hello")
again = client.responses.create(model="echo-1", input="again", previous_response_id=response.id)
saw["responses"] = [response.output_text, again.output_text, client.responses.retrieve(again.id).output_text]
with client.responses.stream(model="think-1", input="one two", reasoning={"summary": "auto"}) as stream:
    kinds = [event.type for event in stream]
    final = stream.get_final_response()
saw["response_kinds"] = [kinds[0], kinds[-1]]
saw["response_items"] = [item.type for item in final.output]
saw["response_plan"] = sorted(client.responses.parse(model="echo-1", input="plan", text_format=Plan).output_parsed.model_dump())

vectors = client.embeddings.create(model="embed-1", input=["one", "two"], dimensions=8)
saw["vectors"] = [len(vector.embedding) for vector in vectors.data]
saw["models"] = [model.id for model in client.models.list()]

saw["failures"] = {
    "key": failure(lambda: openai.OpenAI(base_url=address + "/v1", api_key="wrong").models.list()),
    "model": failure(lambda: chat("x", model="gpt-9")),
    "value": failure(lambda: chat("x", n=0)),
    "limit": failure(lambda: chat("x", model="echo-1~status=429")),
    "broken": failure(lambda: chat("x", extra_headers={"x-provider-status": "500"})),
    "in_stream": failure(lambda: list(chat("one two", stream=True, extra_headers={"x-provider-error-after": "2"}))),
}
print(json.dumps(saw))
