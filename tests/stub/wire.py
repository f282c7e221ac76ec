"""Four wire formats: a request becomes a `Conversation`, an `Answer` becomes server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .script import Answer, Conversation, Said

Piece = tuple[bytes, bool]
"""Bytes to send, and whether a pause belongs before them."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of one request; `cached` are those of `read` that an earlier request began with too."""

    read: int
    cached: int
    written: int


class Wire(Protocol):
    """One model maker's format."""

    name: str

    def read(self, path: str, body: Mapping[str, Any]) -> Conversation:
        """The request."""
        ...

    def events(self, answer: Answer, spent: Spent, number: int, model: str) -> Iterator[Piece]:
        """The whole answer, as server-sent events."""
        ...

    def whole(self, answer: Answer, spent: Spent, number: int, model: str) -> object:
        """The answer to a request that does not stream."""
        ...

    def error(self, status: int, kind: str, message: str) -> object:
        """The body of a refusal."""
        ...


def _event(data: object, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def _text(content: object) -> str:
    """The text of a message's content: a string, or parts with a `text`."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)


class ChatCompletions:
    """OpenAI chat completions, as opencode's `@ai-sdk/openai-compatible` speaks them."""

    name = "chat"

    def read(self, path: str, body: Mapping[str, Any]) -> Conversation:
        """`messages` with the roles system, user, assistant and tool."""
        messages = body["messages"]
        who = {"user": "user", "assistant": "model", "tool": "tool"}
        return Conversation(
            model=str(body["model"]),
            system="\n".join(_text(m["content"]) for m in messages if m["role"] in ("system", "developer")),
            messages=tuple(Said(who[m["role"]], _text(m.get("content"))) for m in messages if m["role"] in who),
            tools={t["function"]["name"]: t["function"].get("parameters", {}) for t in body.get("tools") or ()},
            stream=bool(body.get("stream")),
        )

    def events(self, answer: Answer, spent: Spent, number: int, model: str) -> Iterator[Piece]:
        """Deltas, a finish reason, the usage, `[DONE]`."""
        head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": model}

        def chunk(delta: object, reason: str | None = None) -> bytes:
            return _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

        yield chunk({"role": "assistant", "content": ""}), False
        if answer.thought:
            yield chunk({"reasoning_content": answer.thought}), False
        for text in answer.text:
            yield chunk({"content": text}), True
        for index, call in enumerate(_calls(answer, number)):
            yield chunk({"tool_calls": [{"index": index, **call}]}), False
        yield chunk({}, "tool_calls" if answer.calls else "stop"), False
        yield _event({**head, "choices": [], "usage": self._usage(spent)}), False
        yield b"data: [DONE]\n\n", False

    def whole(self, answer: Answer, spent: Spent, number: int, model: str) -> object:
        """One `chat.completion`."""
        message: dict[str, object] = {"role": "assistant", "content": "".join(answer.text)}
        if answer.calls:
            message["tool_calls"] = list(_calls(answer, number))
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if answer.calls else "stop"}
        head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": model}
        return {**head, "choices": [choice], "usage": self._usage(spent)}

    def error(self, status: int, kind: str, message: str) -> object:
        """`{"error": {...}}`."""
        return {"error": {"type": kind, "code": kind, "message": message}}

    @staticmethod
    def _usage(spent: Spent) -> object:
        return {
            "prompt_tokens": spent.read,
            "completion_tokens": spent.written,
            "total_tokens": spent.read + spent.written,
            "prompt_tokens_details": {"cached_tokens": spent.cached},
        }


def _calls(answer: Answer, number: int) -> Iterator[dict[str, object]]:
    for index, call in enumerate(answer.calls):
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        yield {"id": f"call_{number}_{index}", "type": "function", "function": function}


class Responses:
    """OpenAI responses, as codex speaks them."""

    name = "responses"

    def read(self, path: str, body: Mapping[str, Any]) -> Conversation:
        """`instructions` and `input` items."""
        given = body.get("input") or ()
        items = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
        return Conversation(
            model=str(body["model"]),
            system=str(body.get("instructions") or ""),
            messages=tuple(self._messages(items)),
            tools={t["name"]: t.get("parameters", {}) for t in body.get("tools") or () if "name" in t},
            stream=bool(body.get("stream")),
        )

    def events(self, answer: Answer, spent: Spent, number: int, model: str) -> Iterator[Piece]:
        """`response.created`, the items with their deltas, `response.completed`."""
        sequence = 0

        def event(kind: str, **fields: object) -> bytes:
            nonlocal sequence
            sequence += 1
            return _event({"type": kind, "sequence_number": sequence, **fields}, kind)

        yield event("response.created", response={"id": f"resp_{number}", "status": "in_progress"}), False
        for place, item in enumerate(self._items(answer, number)):
            begun = {**item, "content": []} if item["type"] == "message" else item
            yield event("response.output_item.added", output_index=place, item=begun), False
            if item["type"] == "message":
                for text in answer.text:
                    fields = {"item_id": item["id"], "output_index": place, "content_index": 0, "delta": text}
                    yield event("response.output_text.delta", **fields), True
            yield event("response.output_item.done", output_index=place, item=item), False
        yield event("response.completed", response=self.whole(answer, spent, number, model)), False

    def whole(self, answer: Answer, spent: Spent, number: int, model: str) -> object:
        """One finished response."""
        usage = {
            "input_tokens": spent.read,
            "input_tokens_details": {"cached_tokens": spent.cached},
            "output_tokens": spent.written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": spent.read + spent.written,
        }
        items = list(self._items(answer, number))
        head = {"id": f"resp_{number}", "object": "response", "status": "completed", "model": model}
        return {**head, "output": items, "usage": usage}

    def error(self, status: int, kind: str, message: str) -> object:
        """`{"error": {...}}`."""
        return {"error": {"type": kind, "code": kind, "message": message}}

    @staticmethod
    def _items(answer: Answer, number: int) -> Iterator[dict[str, object]]:
        if answer.thought:
            summary = [{"type": "summary_text", "text": answer.thought}]
            yield {"type": "reasoning", "id": f"rs_{number}", "summary": summary, "encrypted_content": None}
        if answer.text:
            content = [{"type": "output_text", "text": "".join(answer.text), "annotations": []}]
            yield {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": content}
        for index, call in enumerate(answer.calls):
            head = {"type": "function_call", "id": f"fc_{number}_{index}", "call_id": f"call_{number}_{index}"}
            yield {**head, "name": call.name, "arguments": json.dumps(call.arguments)}

    @staticmethod
    def _messages(items: Iterable[Mapping[str, Any]]) -> Iterator[Said]:
        for item in items:
            kind = item.get("type", "message")
            if kind == "message" and item.get("role") in ("user", "assistant"):
                yield Said("user" if item["role"] == "user" else "model", _text(item.get("content")))
            elif kind in ("function_call_output", "custom_tool_call_output"):
                output = item.get("output")
                yield Said("tool", _text(output.get("content") if isinstance(output, dict) else output))


class Messages:
    """Anthropic messages, as claude speaks them."""

    name = "messages"

    def read(self, path: str, body: Mapping[str, Any]) -> Conversation:
        """`system` and `messages`; results of tools come in messages of the user."""
        return Conversation(
            model=str(body["model"]),
            system=_text(body.get("system")),
            messages=tuple(said for message in body["messages"] for said in self._said(message)),
            tools={t["name"]: t.get("input_schema", {}) for t in body.get("tools") or ()},
            stream=bool(body.get("stream")),
        )

    def events(self, answer: Answer, spent: Spent, number: int, model: str) -> Iterator[Piece]:
        """`message_start`, blocks, `message_delta`, `message_stop`."""

        def event(kind: str, **fields: object) -> bytes:
            return _event({"type": kind, **fields}, kind)

        begun = {**self._message(number, model), "content": [], "stop_reason": None}
        yield event("message_start", message={**begun, "usage": self._usage(spent, 1)}), False
        for place, block in enumerate(self._blocks(answer, number)):
            empty: dict[str, object]
            match block["type"]:
                case "text":
                    empty, deltas = {"text": ""}, [{"type": "text_delta", "text": text} for text in answer.text]
                case "thinking":
                    empty = {"thinking": "", "signature": ""}
                    deltas = [
                        {"type": "thinking_delta", "thinking": answer.thought},
                        {"type": "signature_delta", "signature": "stub"},
                    ]
                case _:
                    empty, arguments = {"input": {}}, json.dumps(block["input"])
                    deltas = [{"type": "input_json_delta", "partial_json": arguments}]
            yield event("content_block_start", index=place, content_block={**block, **empty}), False
            for delta in deltas:
                yield event("content_block_delta", index=place, delta=delta), delta["type"] == "text_delta"
            yield event("content_block_stop", index=place), False
        reason = {"stop_reason": "tool_use" if answer.calls else "end_turn", "stop_sequence": None}
        yield event("message_delta", delta=reason, usage={"output_tokens": spent.written}), False
        yield event("message_stop"), False

    def whole(self, answer: Answer, spent: Spent, number: int, model: str) -> object:
        """One message."""
        reason = "tool_use" if answer.calls else "end_turn"
        head = {**self._message(number, model), "stop_reason": reason, "usage": self._usage(spent, spent.written)}
        return {**head, "content": list(self._blocks(answer, number))}

    def error(self, status: int, kind: str, message: str) -> object:
        """`{"type": "error", "error": {...}}`."""
        return {"type": "error", "error": {"type": kind, "message": message}}

    @staticmethod
    def _message(number: int, model: str) -> dict[str, object]:
        head = {"id": f"msg_{number:08}", "type": "message", "role": "assistant", "model": model}
        return {**head, "stop_sequence": None}

    @staticmethod
    def _usage(spent: Spent, written: int) -> object:
        # Here the tokens that were read do not include the cached ones.
        cached = {"cache_read_input_tokens": spent.cached, "cache_creation_input_tokens": 0}
        return {"input_tokens": spent.read - spent.cached, "output_tokens": written, **cached}

    @staticmethod
    def _blocks(answer: Answer, number: int) -> Iterator[dict[str, Any]]:
        if answer.thought:
            yield {"type": "thinking", "thinking": answer.thought, "signature": "stub"}
        if answer.text:
            yield {"type": "text", "text": "".join(answer.text)}
        for index, call in enumerate(answer.calls):
            yield {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": call.name, "input": call.arguments}

    @staticmethod
    def _said(message: Mapping[str, Any]) -> Iterator[Said]:
        content = message["content"]
        who = "user" if message["role"] == "user" else "model"
        if isinstance(content, list):
            for part in content:
                if part.get("type") == "tool_result":
                    yield Said("tool", _text(part.get("content")))
            if any(part.get("type") == "tool_result" for part in content):
                return  # text beside a result is a reminder of the program
        yield Said(who, _text(content))


class GenerateContent:
    """Gemini's `generateContent` and `streamGenerateContent`."""

    name = "gemini"

    def read(self, path: str, body: Mapping[str, Any]) -> Conversation:
        """`systemInstruction` and `contents`; the model's name and the streaming are in the path."""
        model, _, method = path.rpartition("/")[2].partition(":")
        declared = [d for tool in body.get("tools") or () for d in tool.get("functionDeclarations") or ()]
        system = body.get("systemInstruction") or {}
        return Conversation(
            model=model,
            system=_text(system.get("parts") if isinstance(system, dict) else system),
            messages=tuple(said for content in body["contents"] for said in self._said(content)),
            tools={d["name"]: d.get("parametersJsonSchema") or d.get("parameters") or {} for d in declared},
            stream=method.startswith("stream"),
        )

    def events(self, answer: Answer, spent: Spent, number: int, model: str) -> Iterator[Piece]:
        """Chunks with parts; the last one has the finish reason and the usage."""
        if answer.thought:
            yield _event(self._chunk([{"text": answer.thought, "thought": True}], model)), False
        for text in answer.text:
            yield _event(self._chunk([{"text": text}], model)), True
        calls = self._called(answer)
        yield _event(self._chunk(calls or [{"text": ""}], model, spent)), False

    def whole(self, answer: Answer, spent: Spent, number: int, model: str) -> object:
        """One chunk with everything."""
        text: list[dict[str, object]] = [{"text": "".join(answer.text)}] if answer.text else []
        return self._chunk([*text, *self._called(answer)], model, spent)

    def error(self, status: int, kind: str, message: str) -> object:
        """`{"error": {...}}` with the number and the word of the status."""
        words = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
        words |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
        return {"error": {"code": status, "message": message, "status": words.get(status, "UNAVAILABLE")}}

    @staticmethod
    def _called(answer: Answer) -> list[dict[str, object]]:
        return [{"functionCall": {"name": call.name, "args": call.arguments}} for call in answer.calls]

    @staticmethod
    def _chunk(parts: list[dict[str, object]], model: str, spent: Spent | None = None) -> object:
        candidate: dict[str, object] = {"content": {"role": "model", "parts": parts}, "index": 0}
        found: dict[str, object] = {"candidates": [candidate], "modelVersion": model}
        if spent is not None:
            candidate["finishReason"] = "STOP"
            found["usageMetadata"] = {
                "promptTokenCount": spent.read,
                "cachedContentTokenCount": spent.cached,
                "candidatesTokenCount": spent.written,
                "totalTokenCount": spent.read + spent.written,
            }
        return found

    @staticmethod
    def _said(content: Mapping[str, Any]) -> Iterator[Said]:
        parts = content.get("parts") or ()
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        for result in results:
            response = result.get("response") or {}
            yield Said("tool", str(response.get("output") or response.get("error") or response))
        if not results:
            yield Said("user" if content.get("role") == "user" else "model", _text(list(parts)))
