"""The stub model by plain HTTP: a stub that lies would let every driver's test lie."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.stub.script import Conversation, Said, deliverables
from tests.stub.server import StubModel

PROMPT = "Read /p/.tmp/tasks/auth/subtask_01.json and implement it"
SHEET = """# Context

## Deliverables

- not/mine.ts

# Your task: 01 Schema

    /p/.tmp/tasks/auth/subtask_01.json

## Deliverables

These must exist:

- src/a.ts
- `docs/`
- All tests pass
- src/**/*.ts
- ../outside.ts

## How to end
"""


@pytest.fixture
def stub() -> Iterator[StubModel]:
    with StubModel() as found:
        yield found
    assert found.errors == []


def ask(stub: StubModel, path: str, body: object, method: str = "POST") -> tuple[int, http.client.HTTPMessage, bytes]:
    place = urlsplit(stub.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def tool(name: str, *arguments: str) -> dict[str, Any]:
    return {
        "name": name,
        "parameters": {"type": "object", "properties": {a: {"type": "string"} for a in arguments}},
    }


TOOLS = [tool("read", "filePath"), tool("write", "filePath", "content"), tool("bash", "command", "description")]


def chat(*messages: tuple[str, str], model: str = "ok", tools: bool = True, stream: bool = True) -> dict[str, object]:
    given = [{"type": "function", "function": one} for one in TOOLS] if tools else []
    said = [{"role": role, "content": text} for role, text in messages]
    return {"model": model, "messages": said, "tools": given, "stream": stream}


def data(raw: bytes) -> list[dict[str, Any]]:
    """The objects of a stream of server-sent events."""
    lines = [line[6:] for line in raw.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def said(raw: bytes) -> str:
    return "".join(c["delta"].get("content") or "" for event in data(raw) for c in event["choices"])


def calls(raw: bytes) -> list[tuple[str, dict[str, Any]]]:
    found = [call for event in data(raw) for c in event["choices"] for call in c["delta"].get("tool_calls", ())]
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in found]


CHAT = "/v1/chat/completions"


def test_the_script_reads_the_task_writes_each_deliverable_and_says_done(stub: StubModel) -> None:
    talk = [("system", "You code. [agent:CoderAgent]"), ("user", SHEET)]
    seen = []
    while True:
        status, _, raw = ask(stub, CHAT, chat(*talk))
        assert status == 200
        made = calls(raw)
        if not made:
            break
        seen += made
        talk += [("assistant", ""), ("tool", "fine")]
    assert [(name, arguments["filePath"]) for name, arguments in seen] == [
        ("read", "/p/.tmp/tasks/auth/subtask_01.json"),
        ("write", "/p/src/a.ts"),
        ("write", "/p/docs/README.md"),
    ]
    assert said(raw).startswith("Done. Wrote src/a.ts, docs/README.md")
    assert stub.by_model == {"ok": 4}
    assert stub.by_agent == {"CoderAgent": 4}
    assert stub.prompts == [SHEET]


def test_deliverables_come_from_the_task_file_where_the_prompt_has_none() -> None:
    read = '<content>\n1: {\n2:   "deliverables": ["src/a.ts",\n3:     "The build passes"]\n4: }\n</content>'
    talk = Conversation("ok", "", (Said("user", PROMPT), Said("model"), Said("tool", read)))
    assert deliverables(talk) == ["src/a.ts"]


def test_what_is_written_differs_from_request_to_request(stub: StubModel) -> None:
    talk = [("user", SHEET), ("assistant", ""), ("tool", "{}")]
    texts = {calls(ask(stub, CHAT, chat(*talk))[2])[0][1]["content"] for _ in range(2)}
    assert len(texts) == 2


def test_a_new_prompt_in_the_same_conversation_begins_the_script_anew(stub: StubModel) -> None:
    talk = [("user", SHEET), ("tool", "{}"), ("assistant", "Done."), ("user", SHEET + "again")]
    assert calls(ask(stub, CHAT, chat(*talk))[2])[0][0] == "read"


@pytest.mark.parametrize(
    ("model", "prompt", "mode"),
    [
        ("giveup", PROMPT, "giveup"),
        ("stub/ok", PROMPT, "ok"),
        ("ok", f"{PROMPT} [stub:giveup]", "giveup"),
        ("ok", "[stub:401] first # Your task: 01 [stub:ok] mine\n- 02 [stub:429]: beside", "ok"),
        ("ok", "[stub:401] shared # Your task: 01 mine", "ok"),
    ],
)
def test_the_mode_is_the_tag_of_the_own_task_else_the_model(model: str, prompt: str, mode: str) -> None:
    assert Conversation(model, "", (Said("user", prompt),)).mode == mode


@pytest.mark.parametrize(
    ("mode", "last"),
    [("giveup", "so I stop here."), ("notdone", "NOT DONE: a key that it needs is not there.")],
)
def test_giving_up_is_a_clean_end_that_writes_nothing(stub: StubModel, mode: str, last: str) -> None:
    _, _, raw = ask(stub, CHAT, chat(("user", PROMPT), model=mode))
    assert said(raw).endswith(last)
    assert data(raw)[-2]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("mode", "command"),
    [("sleep-7", "sleep 7"), ("background-9", "nohup sleep 9 >/dev/null 2>&1 & echo started $!")],
)
def test_commands_take_as_long_as_the_mode_says(stub: StubModel, mode: str, command: str) -> None:
    _, _, raw = ask(stub, CHAT, chat(("user", PROMPT), model=mode))
    assert calls(raw)[0][1]["command"] == command


def test_a_big_answer_is_as_big_as_asked(stub: StubModel) -> None:
    assert len(said(ask(stub, CHAT, chat(("user", PROMPT), model="big-300000"))[2])) == 300_000


def test_a_request_without_tools_is_answered_with_a_title(stub: StubModel) -> None:
    status, _, raw = ask(stub, CHAT, chat(("user", PROMPT), tools=False, stream=False))
    assert (status, json.loads(raw)["choices"][0]["message"]["content"]) == (200, "A title")
    assert stub.prompts == []


@pytest.mark.parametrize("mode", ["401", "403", "404", "429", "500", "529", "quota", "context"])
@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages", "/v1beta/models/{}:streamGenerateContent"])
def test_refusals_have_their_status_in_every_format(stub: StubModel, mode: str, path: str) -> None:
    body = {"model": mode, "messages": [], "input": PROMPT, "contents": []}
    status, headers, raw = ask(stub, path.format(mode), body)
    assert status == {"quota": 429, "context": 400}.get(mode) or status == int(mode)
    assert json.loads(raw)["error"]["message"]
    assert headers["Retry-After"] == ("1" if mode == "429" else None)


def test_a_limited_number_of_refusals_is_counted_by_prompt(stub: StubModel) -> None:
    def status(prompt: str) -> int:
        code, headers, _ = ask(stub, CHAT, chat(("user", prompt), model="429-2-7"))
        assert headers["Retry-After"] in (None, "7")
        return code

    assert [status("one"), status("two"), status("one"), status("one"), status("two"), status("two")] == (
        [429, 429, 429, 200, 429, 200]
    )


def test_a_cut_connection_breaks_once_and_then_works(stub: StubModel) -> None:
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(stub, CHAT, chat(("user", PROMPT), model="cut-1"))
    assert ask(stub, CHAT, chat(("user", PROMPT), model="cut-1"))[0] == 200


@pytest.mark.parametrize("mode", ["hang", "stall", "slow-600"])
def test_whatever_waits_ends_with_the_stub(mode: str) -> None:
    before = set(threading.enumerate())
    with StubModel() as stub:
        place = urlsplit(stub.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        talk = [("user", "x"), ("tool", "{}")] if mode.startswith("slow") else [("user", PROMPT)]
        connection.request("POST", CHAT, json.dumps(chat(*talk, model=mode)))
        if mode != "hang":
            assert connection.getresponse().read(6) == b"data: "
    connection.close()
    assert set(threading.enumerate()) == before
    assert stub.errors == []


def test_a_program_that_goes_away_is_no_error_of_the_stub(stub: StubModel) -> None:
    place = urlsplit(stub.url)
    for mode in ("hang", "big-5000000"):
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        connection.request("POST", CHAT, json.dumps(chat(("user", PROMPT), model=mode)))
        connection.close()
    assert ask(stub, CHAT, chat(("user", PROMPT)))[0] == 200


def test_what_it_does_not_know_is_told(stub: StubModel) -> None:
    assert ask(stub, "/v1/embeddings", {})[0] == 404
    assert stub.strange == ["POST /v1/embeddings"]
    assert ask(stub, "/v1/models", {}, "GET")[0] == 200


def test_a_prefix_that_was_seen_before_counts_as_cached(stub: StubModel) -> None:
    shared = "the same for all\n" * 2000
    for own in ("first", "second"):
        ask(stub, CHAT, chat(("user", shared + own)))
    assert stub.requests[0].cached == 0
    assert stub.requests[1].cached >= len(shared) // 4
    first, second = stub.prompts
    assert (first, second) == (shared + "first", shared + "second")


# --- the other formats -------------------------------------------------------------------------------------------


def test_responses(stub: StubModel) -> None:
    shell = {"type": "function", "name": "exec_command", "parameters": tool("", "cmd")["parameters"]}
    items: list[dict[str, object]] = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": SHEET}]}
    ]
    commands = []
    while True:
        body = {"model": "ok", "instructions": "Code.", "input": items, "tools": [shell], "stream": True}
        events = data(ask(stub, "/v1/responses", body)[2])
        made = [e["item"] for e in events if e["type"] == "response.output_item.done"]
        done = events[-1]
        assert done["type"] == "response.completed"
        assert done["response"]["output"] == made
        found = [item for item in made if item["type"] == "function_call"]
        if not found:
            break
        commands += [json.loads(item["arguments"])["cmd"] for item in found]
        items += [*made, {"type": "function_call_output", "call_id": found[0]["call_id"], "output": "ok"}]
    assert commands[0] == "cat /p/.tmp/tasks/auth/subtask_01.json"
    assert [command.split(" > ")[-1] for command in commands[1:]] == ["/p/src/a.ts", "/p/docs/README.md"]
    assert made[0]["content"][0]["text"].startswith("Done.")


def test_messages(stub: StubModel) -> None:
    known = {"name": "Write", "input_schema": tool("", "file_path", "content")["parameters"]}
    known_too = {"name": "Read", "input_schema": tool("", "file_path")["parameters"]}
    talk: list[dict[str, object]] = [
        {"role": "user", "content": SHEET},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Read", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "1", "content": "{}"}, {"type": "text", "text": "Hint"}],
        },
        {"role": "user", "content": "<system-reminder>Mind the time.</system-reminder>"},
    ]
    body = {"model": "think", "system": [{"text": "S"}], "messages": talk, "tools": [known, known_too], "stream": True}
    events = data(ask(stub, "/v1/messages?beta=true", body)[2])
    assert [e["type"] for e in events][0 :: len(events) - 1] == ["message_start", "message_stop"]
    blocks = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert blocks == ["thinking", "tool_use"]
    arguments = [e["delta"]["partial_json"] for e in events if e.get("delta", {}).get("type") == "input_json_delta"]
    assert json.loads(arguments[0])["file_path"] == "/p/src/a.ts"
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    whole = json.loads(ask(stub, "/v1/messages", {**body, "model": "giveup", "stream": False})[2])
    assert (whole["stop_reason"], whole["content"][0]["type"]) == ("end_turn", "text")
    assert json.loads(ask(stub, "/v1/messages/count_tokens", body)[2])["input_tokens"] > 0


def test_generate_content(stub: StubModel) -> None:
    declared = [
        {"name": "read_file", "parametersJsonSchema": tool("", "absolute_path")["parameters"]},
        {"name": "write_file", "parametersJsonSchema": tool("", "file_path", "content")["parameters"]},
    ]
    body: dict[str, object] = {
        "systemInstruction": {"parts": [{"text": "S"}]},
        "contents": [{"role": "user", "parts": [{"text": SHEET}]}],
        "tools": [{"functionDeclarations": declared}],
    }
    path = "/v1beta/models/gemini-2.5-pro:{}?alt=sse"
    events = data(ask(stub, path.format("streamGenerateContent"), body)[2])
    last = events[-1]["candidates"][0]
    assert last["content"]["parts"][0]["functionCall"]["args"] == {
        "absolute_path": "/p/.tmp/tasks/auth/subtask_01.json"
    }
    assert last["finishReason"] == "STOP"
    assert events[-1]["usageMetadata"]["totalTokenCount"] > 0
    whole = json.loads(ask(stub, path.format("generateContent"), body)[2])
    assert [*whole["candidates"][0]["content"]["parts"][1]] == ["functionCall"]
    assert stub.requests[0].model == "gemini-2.5-pro"
