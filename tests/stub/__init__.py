"""A model maker that is none: a server on loopback that speaks four wire formats and plays scripted turns.

The real programs (opencode, claude, codex, gemini) run against it without an account. `server.StubModel` is the way in;
`python -m tests.stub` starts it by hand.
"""
