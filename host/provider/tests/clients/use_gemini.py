"""Uses the package `google-genai` as an application does. Words: address and key. Prints what it saw."""

import json
import sys

from google import genai
from google.genai import errors, types

address, key = sys.argv[1:]


def client_with(key):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=address))


client = client_with(key)
stranger = client_with("wrong")
saw = {}


def failure(call):
    try:
        call()
    except errors.APIError as error:
        return [type(error).__name__, error.code, error.status]


def generate(contents, model="echo-1", **config):
    return client.models.generate_content(model=model, contents=contents, config=types.GenerateContentConfig(**config))


saw["answer"] = generate("Hello", system_instruction="Be brief.").text
saw["streamed"] = [chunk.text for chunk in client.models.generate_content_stream(model="echo-1", contents="one two")]

# Thoughts and a call, that go back as they came.
tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="weather", parameters_json_schema={
    "type": "object", "properties": {"city": {"type": "string"}}})])
config = {"tools": [tool], "thinking_config": types.ThinkingConfig(include_thoughts=True, thinking_level="low")}
first = generate("weather", model="think-1", **config)
parts = first.candidates[0].content.parts
saw["parts"] = [[bool(part.thought), part.function_call.name if part.function_call else None, bool(part.thought_signature)]
                for part in parts]
saw["thought"] = first.usage_metadata.thoughts_token_count > 0
call = parts[-1].function_call
response = types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": "sun"}))
history = [types.UserContent("weather"), first.candidates[0].content, types.Content(role="user", parts=[response])]
saw["told"] = generate(history, model="think-1", **config).text
parts[-1].thought_signature = b"forged"
saw["forged"] = failure(lambda: generate(history, model="think-1", **config))
chunks = list(client.models.generate_content_stream(
    model="think-1", contents="weather", config=types.GenerateContentConfig(**config)))
saw["streamed_call"] = [call.name for chunk in chunks for call in chunk.function_calls or []]


def weather(city: str) -> str:
    """Looks at the sky."""
    return "sky over " + ("somewhere" if city else "nowhere")


saw["automatic"] = generate("weather", tools=[weather]).text
schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
formed = generate("x", response_mime_type="application/json", response_json_schema=schema)
saw["formed"] = list(json.loads(formed.text))
saw["refusal"] = generate("x", model="refuse-1").candidates[0].finish_reason.name
saw["counted"] = client.models.count_tokens(model="echo-1", contents="one two").total_tokens
saw["vectors"] = [len(vector.values) for vector in client.models.embed_content(
    model="embed-1", contents=["one", "two"], config=types.EmbedContentConfig(output_dimensionality=8)).embeddings]
saw["models"] = [model.name for model in client.models.list(config={"page_size": 2})]

saw["failures"] = {
    "key": failure(lambda: stranger.models.count_tokens(model="echo-1", contents="x")),
    "model": failure(lambda: generate("x", model="gemini-9")),
    "value": failure(lambda: generate("x", candidate_count=9)),
    "limit": failure(lambda: generate("x", model="echo-1~status=429")),
    "in_stream": failure(lambda: list(client.models.generate_content_stream(model="echo-1~error-after=1", contents="one two"))),
}
print(json.dumps(saw))
