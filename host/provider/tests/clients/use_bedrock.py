"""Uses the packages `boto3` and `botocore` as an application does. Words: address and key; the access key id is in the environment.

Prints what it saw."""

import json
import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

address, key = sys.argv[1:]
saw = {}


def client_with(secret):
    return boto3.client(
        "bedrock-runtime", endpoint_url=address, region_name="eu-west-1", aws_access_key_id=os.environ["ACCESS_KEY_ID"],
        aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}))


client = client_with(key)


def failure(call):
    try:
        call()
    except (ClientError, EventStreamError) as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return [type(error).__name__, status, error.response["Error"]["Code"]]


def user(*content):
    return {"role": "user", "content": list(content)}


def converse(messages, model="echo-1", **more):
    return client.converse(modelId=model, messages=messages, **more)


def text(answer):
    return answer["output"]["message"]["content"][-1]["text"]


answer = converse([user({"text": "Hello"})], system=[{"text": "Be brief."}])
saw["answer"] = [text(answer), answer["stopReason"], answer["usage"]["outputTokens"]]
saw["streamed"] = [event["contentBlockDelta"]["delta"]["text"]
                   for event in client.converse_stream(modelId="echo-1", messages=[user({"text": "one two"})])["stream"]
                   if "contentBlockDelta" in event]

# Thoughts and a call, that go back as they came.
tools = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}}]}
more = {"toolConfig": tools, "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}
asked = user({"text": "weather"})
said = converse([asked], model="think-1", **more)["output"]["message"]
saw["blocks"] = [list(block)[0] for block in said["content"]]
used = said["content"][-1]["toolUse"]
saw["input"] = list(used["input"])
result = user({"toolResult": {"toolUseId": used["toolUseId"], "content": [{"text": "sun"}]}})
saw["told"] = text(converse([asked, said, result], model="think-1", **more))
said["content"][0]["reasoningContent"]["reasoningText"]["text"] = "else"
saw["forged"] = failure(lambda: converse([asked, said, result], model="think-1", **more))

# A model in its own form.
body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99,
                   "messages": [{"role": "user", "content": "one two"}]})
invoked = client.invoke_model(modelId="echo-1", body=body)
saw["invoked"] = json.loads(invoked["body"].read())["content"][0]["text"]
chunks = client.invoke_model_with_response_stream(modelId="echo-1", body=body)["body"]
kinds = [json.loads(event["chunk"]["bytes"])["type"] for event in chunks]
saw["invoked_kinds"] = [kinds[0], kinds[-1]]
saw["counted"] = client.count_tokens(modelId="echo-1", input={"converse": {"messages": [user({"text": "one two"})]}})["inputTokens"]

# A model's name with characters that are escaped, also in what is signed.
saw["escaped"] = text(converse([user({"text": "x y"})], model="echo-1~chunk-ms=0~fragment-seed=7"))

saw["failures"] = {
    "secret": failure(lambda: client_with("wrong").converse(modelId="echo-1", messages=[asked])),
    "model": failure(lambda: converse([asked], model="claude:9")),
    "order": failure(lambda: converse([{"role": "assistant", "content": [{"text": "x"}]}])),
    "limit": failure(lambda: converse([asked], model="echo-1~status=429")),
    "in_stream": failure(lambda: list(client.converse_stream(
        modelId="echo-1~error-after=2~status=429", messages=[user({"text": "one two three"})])["stream"])),
}

print(json.dumps(saw))
