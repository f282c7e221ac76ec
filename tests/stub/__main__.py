"""`python -m tests.stub [PORT]`: the stub model in a terminal, one line a request, until ctrl+c."""

from __future__ import annotations

import sys
import time

from .server import StubModel


def main() -> None:
    """Serve and print what is asked."""
    with StubModel(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as stub:
        print(stub.url, flush=True)  # noqa: T201 - this is what it is for
        seen = 0
        while True:
            for request in stub.requests[seen:]:
                seen += 1
                told = f"{request.wire} {request.model} {request.mode} {request.agent} turn {request.turn}"
                print(f"{request.number:4} {told} cached {request.cached}", flush=True)  # noqa: T201 - as above
            time.sleep(0.2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
