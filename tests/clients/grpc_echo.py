"""Both ends of gRPC, by the usual library. `serve` prints its port; `talk ADDRESS` prints what it saw.

Messages are bytes as they are: what a compiler of protocol buffers would add stands above what is tried here.
"""

import json
import queue
import sys
import time
from concurrent import futures

import grpc

SERVICE = "echo.Echo"
LARGE = 3 << 20


def one(request, context):
    """Unary: says it back, or fails as it is asked to."""
    if request == b"fail":
        context.set_trailing_metadata((("reason-bin", b"\x00\xff"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not nöw, 100 %")
    if request == b"sleep":
        # Ends when its caller gives up.
        while context.is_active():
            time.sleep(0.01)
        return b""
    context.send_initial_metadata((("seen", dict(context.invocation_metadata()).get("said", "nothing")),))
    context.set_trailing_metadata((("bytes", str(len(request))),))
    return request


def count(request, context):
    """Server streaming."""
    for number in range(int(request)):
        yield str(number).encode()


def total(requests, context):
    """Client streaming."""
    return str(sum(len(request) for request in requests)).encode()


def talk(requests, context):
    """Bidirectional: an answer for each message, as it comes."""
    for request in requests:
        yield b"you said " + request
        if request == b"break":
            context.abort(grpc.StatusCode.ABORTED, "in the middle")


def serving():
    handlers = {
        "One": grpc.unary_unary_rpc_method_handler(one),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Total": grpc.stream_unary_rpc_method_handler(total),
        "Talk": grpc.stream_stream_rpc_method_handler(talk),
    }
    server = grpc.server(futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def failure(call):
    """Code, details and the fields behind it."""
    try:
        call()
    except grpc.RpcError as error:
        trailing = {key: value for key, value in error.trailing_metadata() or ()}
        reason = trailing.get("reason-bin", b"").hex()
        return [error.code().name, error.details(), reason]
    return "no failure"


def talking(address):
    saw = {}
    with grpc.insecure_channel(address) as channel:
        unary = channel.unary_unary(f"/{SERVICE}/One")
        answer, call = unary.with_call(b"hello", metadata=(("said", "this"),), timeout=30)
        saw["unary"] = [answer.decode(), dict(call.initial_metadata())["seen"], dict(call.trailing_metadata())["bytes"]]
        large = bytes(LARGE)
        saw["large"] = unary(large, timeout=30) == large
        saw["count"] = sum(int(number) for number in channel.unary_stream(f"/{SERVICE}/Count")(b"2000", timeout=30))
        pieces = (bytes(1000) for _ in range(500))
        saw["total"] = int(channel.stream_unary(f"/{SERVICE}/Total")(pieces, timeout=30))
        saw["talk"] = in_turns(channel)
        saw["fails"] = failure(lambda: unary(b"fail", timeout=30))
        saw["late"] = failure(lambda: unary(b"sleep", timeout=0.3))[0]
        saw["unknown"] = failure(lambda: channel.unary_unary(f"/{SERVICE}/None")(b"", timeout=30))[0]
        broken = channel.stream_stream(f"/{SERVICE}/Talk")(iter([b"one", b"break"]), timeout=30)
        got = []
        code = failure(lambda: got.extend(message.decode() for message in broken))[:2]
        saw["breaks"] = [got, code]
        calls = [unary.future(str(number).encode(), timeout=30) for number in range(200)]
        saw["at_once"] = [call.result() for call in calls] == [str(number).encode() for number in range(200)]
    print(json.dumps(saw))


def in_turns(channel):
    """Each message is sent when the answer to the one before has come."""
    messages = queue.SimpleQueue()
    messages.put(b"first")
    heard = []
    for answer in channel.stream_stream(f"/{SERVICE}/Talk")(iter(messages.get, None), timeout=30):
        heard.append(answer.decode())
        messages.put(f"after {len(heard)}".encode() if len(heard) < 3 else None)
    return heard


if sys.argv[1] == "serve":
    serving()
else:
    talking(sys.argv[2])
