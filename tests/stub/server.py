"""The server: loopback only, a free port, a thread a request; everything that was asked is kept for the test."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import urlsplit

from .script import Conversation, answer, measure
from .wire import ChatCompletions, GenerateContent, Messages, Responses, Spent, Wire

_WIRES: Final[Mapping[str, Wire]] = {
    "/chat/completions": ChatCompletions(),
    "/responses": Responses(),
    "/messages": Messages(),
    ":streamGenerateContent": GenerateContent(),
    ":generateContent": GenerateContent(),
}
_REFUSALS: Final = {
    "401": "authentication_error",
    "403": "permission_error",
    "404": "not_found_error",
    "429": "rate_limit_error",
    "500": "api_error",
    "529": "overloaded_error",
}
_CACHED_LEAST: Final = 1024  # tokens; makers of models cache nothing shorter


@dataclass(frozen=True, slots=True)
class Request:
    """One request for an answer, as it came. `text` is everything in it that a cache could know, in order."""

    number: int
    wire: str
    model: str
    mode: str
    agent: str
    system: str
    prompt: str
    tools: tuple[str, ...]
    turn: int
    cached: int
    text: str


class StubModel:
    """A model maker on loopback. Use it as a context: `with StubModel() as stub:`; at its end nothing is left."""

    def __init__(self, port: int = 0) -> None:
        self.errors: list[str] = []
        """What went wrong in the server itself; a test that ends with one has found a fault of the stub."""
        self.strange: list[str] = []
        """Paths that were asked and that no wire format has."""
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._refused: Counter[tuple[str, str]] = Counter()
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="stub-model")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # waits for the threads of requests, which `stopping` ends

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def by_model(self) -> Counter[str]:
        """How many requests each model got."""
        return Counter(request.model for request in self.requests)

    @property
    def by_agent(self) -> Counter[str]:
        """How many requests each agent made; "" where its instructions have no `[agent:NAME]`."""
        return Counter(request.agent for request in self.requests)

    @property
    def prompts(self) -> list[str]:
        """The different prompts of persons, in the order in which they first came."""
        return list(dict.fromkeys(request.prompt for request in self.requests if request.tools))

    def note(self, wire: str, talk: Conversation) -> Request:
        """Keep a request."""
        said = [f"{message.who}: {message.text}" for message in talk.messages]
        text = "\n".join([json.dumps(talk.tools), talk.system, *said])
        with self._lock:
            same = [request for request in self._requests if request.model == talk.model]
            shared = max((_shared(text, request.text) for request in same), default=0) // 4
            request = Request(
                number=len(self._requests) + 1,
                wire=wire,
                model=talk.model,
                mode=talk.mode,
                agent=talk.agent,
                system=talk.system,
                prompt=talk.prompt,
                tools=tuple(talk.tools),
                turn=len(talk.results),
                cached=shared if shared >= _CACHED_LEAST else 0,
                text=text,
            )
            self._requests.append(request)
        return request

    def is_due(self, request: Request) -> bool:
        """Whether a mode that spoils the first N requests of a prompt spoils this one; without an N, each."""
        most = measure(request.mode, -1)
        if most < 0:
            return True
        key = (request.mode, request.prompt)
        with self._lock:
            self._refused[key] += 1
            return self._refused[key] <= most


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    least, most = 0, min(len(one), len(other))
    while least < most:  # by halves: comparing slices is fast, comparing characters is not
        middle = (least + most + 1) // 2
        least, most = (middle, most) if one[:middle] == other[:middle] else (least, middle - 1)
    return least


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], stub: StubModel) -> None:
        self.stub = stub
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        import traceback

        self.stub.errors.append(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the program went away, which many tests want

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""

    def do_HEAD(self) -> None:
        self._json(200, {})

    def do_GET(self) -> None:
        known = urlsplit(self.path).path.endswith("/models")
        if not known:
            self.server.stub.strange.append(f"GET {self.path}")
        self._json(200 if known else 404, {"object": "list", "data": []})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        path = urlsplit(self.path).path
        if path.endswith(("/count_tokens", ":countTokens")):
            self._json(200, {"input_tokens": len(raw) // 4, "totalTokens": len(raw) // 4})
            return
        wire = next((wire for end, wire in _WIRES.items() if path.endswith(end)), None)
        if wire is None:
            self.server.stub.strange.append(f"POST {path}")
            self._json(404, {"error": {"message": f"the stub has no {path}"}})
            return
        try:
            body: Any = json.loads(raw)
            talk = wire.read(path, body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.server.stub.errors.append(f"{path}: a request that is not understood: {error!r}")
            self._json(400, wire.error(400, "invalid_request_error", f"the stub does not understand: {error!r}"))
            return
        request = self.server.stub.note(wire.name, talk)
        if not self._spoiled(wire, request):
            self._answer(wire, talk, request)

    def _spoiled(self, wire: Wire, request: Request) -> bool:
        """Refuse, hang or break off where the mode says so; whether that was the answer."""
        stub, kind = self.server.stub, request.mode.split("-")[0]
        if kind in _REFUSALS and stub.is_due(request):
            # As much as a person would see of each: makers put the wait into a header.
            wait = {"Retry-After": str(measure(request.mode, 1, place=1))} if kind == "429" else {}
            self._json(int(kind), wire.error(int(kind), _REFUSALS[kind], f"stub: {kind}"), wait)
            return True
        match kind:
            case "quota":
                message = "You exceeded your current quota, please check your plan and billing details."
                self._json(429, wire.error(429, "insufficient_quota", message))
                return True
            case "context":
                message = "prompt is too long: 300000 tokens > 200000 maximum; this model's maximum context length"
                self._json(400, wire.error(400, "context_length_exceeded", message))
                return True
            case "hang":
                self._hold()
                return True
        return False

    def _answer(self, wire: Wire, talk: Conversation, request: Request) -> None:
        stub, kind = self.server.stub, request.mode.split("-")[0]
        turn = answer(talk, request.number)
        breaks = kind == "cut" and stub.is_due(request)
        words = sum(len(text) for text in turn.text) + sum(len(str(call.arguments)) for call in turn.calls)
        spent = Spent(max(1, len(request.text) // 4), request.cached, max(1, words // 4))
        if not talk.stream:
            self._json(200, wire.whole(turn, spent, request.number, talk.model))
            return
        # In chunks, so that a stream that breaks off is told from one that ends.
        self._head(200, "text/event-stream", {"Transfer-Encoding": "chunked"})
        for index, (piece, pause) in enumerate(wire.events(turn, spent, request.number, talk.model)):
            if pause and turn.pause and stub.stopping.wait(turn.pause):
                return
            if index == 1 and kind == "stall":
                self._hold()
                return
            if index == 1 and breaks:
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _hold(self) -> None:
        """Say nothing until the other side goes away or the stub stops."""
        self.close_connection = True
        while not self.server.stub.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return

    def _head(self, status: int, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _json(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self._head(status, "application/json", {"Content-Length": str(len(data)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(data)
