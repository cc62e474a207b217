"""Uses the vendors' official clients and LangChain's as an application does, with one gateway and one model. Prints what it saw.

Arguments: the gateway's address, a gateway key, and a model's name in front of "/echo-1".
"""

import asyncio
import json
import sys

import anthropic
import openai
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

ADDRESS, KEY, PROVIDER = sys.argv[1:4]
ECHO, STORY = f"{PROVIDER}/echo-1", f"{PROVIDER}/story-1"
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


class City(BaseModel):
    name: str
    people: int


def use_openai():
    client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=KEY, max_retries=0)
    saw = {}
    ask = [{"role": "user", "content": "Hello"}]
    saw["chat"] = client.chat.completions.create(model=ECHO, messages=ask).choices[0].message.content
    story = [{"role": "user", "content": "Tell a story of 12 words"}]
    chunks = client.chat.completions.create(model=STORY, messages=story, stream=True, stream_options={"include_usage": True})
    words, tokens = "", 0
    for chunk in chunks:
        if chunk.choices and chunk.choices[0].delta.content:
            words += chunk.choices[0].delta.content
        if chunk.usage:
            tokens = chunk.usage.completion_tokens
    saw["stream"] = [len(words.split()), tokens >= 12]
    tools = [{"type": "function", "function": {"name": "find_city", "parameters": SCHEMA}}]
    called = client.chat.completions.create(model=ECHO, messages=[{"role": "user", "content": "find_city"}], tools=tools)
    call = called.choices[0].message.tool_calls[0]
    saw["tool"] = [call.function.name, list(json.loads(call.function.arguments))]
    turn = [{"role": "user", "content": "find_city"}, called.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "Bern"}]
    saw["result"] = client.chat.completions.create(model=ECHO, messages=turn, tools=tools).choices[0].message.content
    city = client.chat.completions.parse(model=ECHO, messages=ask, response_format=City).choices[0].message.parsed
    saw["structured"] = [isinstance(city.name, str), isinstance(city.people, int)]
    saw["responses"] = client.responses.create(model=ECHO, input="Hello", store=False).output_text
    events = client.responses.create(model=ECHO, input="Hello", store=False, stream=True)
    saw["responses_stream"] = [event.type for event in events][-1]
    try:
        client.chat.completions.create(model=ECHO, messages=[{"role": "user", "content": []}], temperature="hot")
    except openai.BadRequestError as error:
        saw["error"] = [error.status_code, error.param]
    # Leaves in the middle.
    with client.chat.completions.create(model=STORY, messages=[{"role": "user", "content": "500 words"}], stream=True) as left:
        for _ in left:
            break
    return saw


async def use_openai_asynchronously():
    client = openai.AsyncOpenAI(base_url=f"{ADDRESS}/v1", api_key=KEY, max_retries=0)
    ask = [{"role": "user", "content": "Hello"}]
    answers = await asyncio.gather(*(client.chat.completions.create(model=ECHO, messages=ask) for _ in range(8)))
    return len({answer.choices[0].message.content for answer in answers})


def use_anthropic():
    client = anthropic.Anthropic(base_url=ADDRESS, api_key=KEY, max_retries=0)
    saw = {}
    ask = [{"role": "user", "content": "Hello"}]
    saw["chat"] = client.messages.create(model=ECHO, max_tokens=100, messages=ask).content[0].text
    story = [{"role": "user", "content": "Tell a story of 12 words"}]
    with client.messages.stream(model=STORY, max_tokens=500, messages=story) as stream:
        words = "".join(stream.text_stream)
        final = stream.get_final_message()
    saw["stream"] = [len(words.split()), final.usage.output_tokens >= 12, final.stop_reason]
    tools = [{"name": "find_city", "input_schema": SCHEMA}]
    called = client.messages.create(model=ECHO, max_tokens=100, messages=[{"role": "user", "content": "find_city"}], tools=tools)
    call = next(block for block in called.content if block.type == "tool_use")
    saw["tool"] = [call.name, list(call.input), called.stop_reason]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Bern"}
    turn = [{"role": "user", "content": "find_city"}, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}]
    saw["result"] = client.messages.create(model=ECHO, max_tokens=100, messages=turn, tools=tools).content[0].text
    try:
        client.messages.create(model="nobody", max_tokens=1, messages=ask)
    except anthropic.NotFoundError as error:
        saw["error"] = [error.status_code, error.body["error"]["type"]]
    return saw


def use_langchain():
    chat = ChatOpenAI(model=ECHO, base_url=f"{ADDRESS}/v1", api_key=KEY, max_retries=0)
    streamed = "".join(chunk.content for chunk in chat.stream("Hello, chain"))
    return [chat.invoke("Hello").content, streamed, isinstance(chat.with_structured_output(City).invoke("Hello"), City)]


saw = {"openai": use_openai(), "anthropic": use_anthropic(), "langchain": use_langchain()}
saw["at_once"] = asyncio.run(use_openai_asynchronously())
print(json.dumps(saw))
