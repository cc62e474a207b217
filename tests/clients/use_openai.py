"""Uses the official client as an application does; base URL and key come from the environment. Prints what it saw."""

import json

import openai


def failure(error):
    return [type(error).__name__, error.status_code, error.code]


client = openai.OpenAI()
saw = {"models": sorted(model.id for model in client.models.list())}

answer = client.chat.completions.create(
    model="echo-1", messages=[{"role": "user", "content": "Hello, gateway!"}]
)
saw["answer"] = answer.choices[0].message.content
saw["answer_tokens"] = answer.usage.completion_tokens

pieces = []
stream = client.chat.completions.create(
    model="story-1", stream=True, messages=[{"role": "user", "content": "Tell me a story of 12 words"}]
)
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        pieces.append(chunk.choices[0].delta.content)
saw["stream_pieces"] = len(pieces)
saw["stream_words"] = len("".join(pieces).split())

try:
    openai.OpenAI(api_key="sg_wrong").models.list()
except openai.APIStatusError as error:
    saw["wrong_key"] = failure(error)

impatient = client.with_options(max_retries=0)
try:
    for _ in range(30):
        impatient.models.list()
except openai.APIStatusError as error:
    saw["limit"] = failure(error)

print(json.dumps(saw))
