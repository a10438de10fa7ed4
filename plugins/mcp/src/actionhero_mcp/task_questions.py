"""`TaskQuestions`: questions of jobs to the clients of their tasks, in Redis."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from actionhero import ConnectionTypeNotFound, Timeout
from actionhero.transport import dumps, loads
from actionhero_mcp.elicitation import form_of
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.shared_redis import redis_of
from actionhero_tasks import EnqueueMiddleware, JobQuestions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Answer, Application
    from actionhero_redis import RedisClients
    from actionhero_tasks import NewJob

#: Whether the client of the task that is created can ask its user.
can_ask: ContextVar[bool] = ContextVar("can_ask", default=False)
#: How long it is known that the client of a task can ask, in milliseconds.
_TTL_MS: Final = 30 * 86_400_000
#: How long an answer is kept for its job, in milliseconds.
_ANSWER_TTL_MS: Final = 60_000


class TaskQuestions(JobQuestions):
    """Asks the clients of tasks, which poll for questions and send the answers.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._wait_seconds = app.get(McpSettings).task_input_wait.total_seconds()

    async def ask(self, job_id: str, question: str, type_: Any, *, key: str) -> Answer[Any]:
        """Ask a question, and wait for a valid answer; see `JobQuestions.ask`."""
        clients = redis_of(self._app)
        if clients is None or not await clients.execute(
            "EXISTS", _marker(clients, job_id), idempotent=True
        ):
            raise ConnectionTypeNotFound(
                "This job asks a question, and it is not the task of a client that can ask"
            )
        form = form_of(type_)
        params = {"mode": "form", "message": question, "requestedSchema": form.schema}
        request = dumps({"method": "elicitation/create", "params": params})
        questions = _questions(clients, job_id)
        try:
            async with asyncio.timeout(self._wait_seconds):
                while True:
                    await clients.execute("HSET", questions, key, request, idempotent=True)
                    ttl_ms = int(self._wait_seconds * 1000)
                    await clients.execute("PEXPIRE", questions, ttl_ms, idempotent=True)
                    popped: Any = await clients.blocking.blpop([_answer(clients, job_id, key)])
                    answer = form.answer(loads(popped[1].encode()))
                    if answer is not None:
                        return answer
        except TimeoutError:
            raise Timeout("The user has not answered in time") from None
        finally:
            await clients.execute("HDEL", questions, key, idempotent=True)

    async def open(self, job_id: str) -> dict[str, Any]:
        """Return the questions of a job without an answer, by their keys."""
        clients = redis_of(self._app)
        if clients is None:
            return {}
        fields = await clients.execute("HGETALL", _questions(clients, job_id), idempotent=True)
        pairs = zip(fields[::2], fields[1::2], strict=True)
        return {key.decode(): loads(request) for key, request in pairs}

    async def answer(self, job_id: str, answers: Mapping[str, Any]) -> None:
        """Pass answers to a job; those to no open question are ignored."""
        clients = redis_of(self._app)
        if clients is None:
            return
        for key, answer in answers.items():
            if await clients.execute("HDEL", _questions(clients, job_id), key):
                name = _answer(clients, job_id, key)
                await clients.execute("RPUSH", name, dumps(answer))
                await clients.execute("PEXPIRE", name, _ANSWER_TTL_MS, idempotent=True)


class MarkTasks(EnqueueMiddleware):
    """Notes the jobs that may ask, before a worker can run them.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def before(self, job: NewJob) -> None:
        """Note a job whose client can ask."""
        clients = redis_of(self._app)
        if can_ask.get() and clients is not None:
            marker = _marker(clients, job.id)
            await clients.execute("SET", marker, 1, "PX", _TTL_MS, idempotent=True)


def _marker(clients: RedisClients, job_id: str) -> str:
    return clients.key("mcp", "task", job_id)


def _questions(clients: RedisClients, job_id: str) -> str:
    return clients.key("mcp", "questions", job_id)


def _answer(clients: RedisClients, job_id: str, key: str) -> str:
    return clients.key("mcp", "answer", job_id, key)
