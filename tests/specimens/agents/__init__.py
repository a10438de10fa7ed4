"""The fixture of the conformance suite of the Model Context Protocol, as actions.

cd tests/specimens/agents
PYTHONPATH=.. actionhero start --port 9002
npx @modelcontextprotocol/conformance server --url http://127.0.0.1:9002/mcp
"""

from __future__ import annotations

from actionhero import Middleware, hookimpl


@hookimpl
def actionhero_middleware() -> list[Middleware]:
    """Add the middleware that asks before a job is enqueued."""
    from agents.jobs import AskFirst

    return [AskFirst()]
