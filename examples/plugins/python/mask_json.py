"""Masks values in the JSON bodies of requests before they go upstream. A body that cannot be read goes nowhere."""

import json
import re
from itertools import accumulate

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import request
from wit_world.imports.types import (
    BodyMode, BodyNeed, Decision_Proceed, Decision_Reject, InstanceNeed, Piece_Reject, Piece_Replace, Problem,
    Rejection, Setup,
)

MASK = "***"
# As much as the CPU limit of `sluicegate.toml` has time for.
BODY_BYTES_MAX = 1 << 20
# The parser of `json` is written in C and recurses: far deeper than this, it meets the end of the stack, which fails the call.
DEPTH_MAX = 100
ALL_BUT_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[^\[\]{}"]++', re.DOTALL)
members: frozenset[str] = frozenset()


def masked(value):
    if isinstance(value, dict):
        return {name: MASK if name in members else masked(inner) for name, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list) else value


def is_deep(text: str) -> bool:
    brackets = ALL_BUT_BRACKETS.sub("", text)
    return any(depth > DEPTH_MAX for depth in accumulate(1 if bracket in "[{" else -1 for bracket in brackets))


def refusal(status: int, message: str) -> Rejection:
    return Rejection(status, "body_not_json", message, None, [], None, [])


class Policy(exports.Policy):
    def configure(self, config: str) -> Setup:
        global members
        names = json.loads(config).get("members")
        if not isinstance(names, list) or not names:
            raise Err([Problem("/members", "Name at least one member whose values are to be masked.")])
        wrong = [at for at, name in enumerate(names) if not isinstance(name, str)]
        if wrong:
            raise Err([Problem(f"/members/{at}", "The name of a member is a string.") for at in wrong])
        members = frozenset(names)
        whole, none = BodyNeed(BodyMode.BUFFERED, BODY_BYTES_MAX, False), BodyNeed(BodyMode.NONE, 0, False)
        return Setup(["head", "body"], whole, none, InstanceNeed.CALL, [], [], [], [], [])


class Head(exports.Head):
    def on_head(self):
        kind = (request.header("content-type") or b"application/json").split(b";")[0].strip().lower()
        if kind != b"application/json" and not kind.endswith(b"+json"):
            return Decision_Reject(refusal(415, "Send the body as application/json."))
        return Decision_Proceed()


class Body(exports.Body):
    def on_body(self, bytes: bytes, end: bool):
        try:
            text = bytes.decode()
            if is_deep(text):
                return Piece_Reject(refusal(400, f"The body is nested deeper than {DEPTH_MAX} levels."))
            # Written anew in any case: what a member of the same name hides here, another reader may find.
            return Piece_Replace(json.dumps(masked(json.loads(text)), ensure_ascii=False, allow_nan=False).encode())
        except ValueError:
            return Piece_Reject(refusal(400, "The body is no JSON that can be read."))
