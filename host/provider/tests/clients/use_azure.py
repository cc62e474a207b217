"""Uses the package `openai` as an application at Azure does. Words: address and key. Prints what it saw."""

import json
import sys

import openai

address, key = sys.argv[1:]


def client_with(key):
    return openai.AzureOpenAI(azure_endpoint=address, api_key=key, api_version="2024-10-21", max_retries=0)


client = client_with(key)
saw = {}


def failure(call):
    try:
        call()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code]


def chat(model="echo-1", client=client, **more):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "one two"}], **more)


saw["answer"] = chat().choices[0].message.content
saw["filters"] = chat().choices[0].content_filter_results["hate"]["severity"]
chunks = list(chat(stream=True))
saw["first_choices"] = len(chunks[0].choices)
saw["streamed"] = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
saw["vector"] = len(client.embeddings.create(model="embed-1", input="x", dimensions=8).data[0].embedding)
newer = openai.OpenAI(base_url=address + "/openai/v1/", api_key=key)
saw["newer"] = newer.responses.create(model="echo-1", input="Hello").output_text
saw["failures"] = {
    "key": failure(lambda: chat(client=client_with("wrong"))),
    "deployment": failure(lambda: chat(model="gpt-9")),
    "limit": failure(lambda: chat(model="echo-1~status=429")),
}
print(json.dumps(saw))
