"""`ProcessNetwork`: asks a question of every process of the application, over Redis."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from redis import exceptions

from actionhero import TypedError
from actionhero.transport import dumps, loads, new_identifier
from actionhero_console.panels import ProcessAnswer, ProcessAnswers
from actionhero_redis import channel_messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application
    from actionhero_redis import RedisClients
    from actionhero_web import PanelFunction

logger = logging.getLogger("actionhero.console")

#: How long answers are collected.
ANSWER_SECONDS: Final = 0.3
#: How long answers are used again, for all viewers.
MAX_AGE_SECONDS: Final = 1.0
#: How long a process that does not answer is reported as missing.
ROSTER_SECONDS: Final = 60.0
#: How long answers stay in Redis that were not collected.
_ANSWERS_TTL_SECONDS: Final = 5
#: The largest answer.
_MAX_ANSWER_BYTES: Final = 1024 * 1024
#: The name of all other processes, while Redis cannot be reached and none is known.
OTHERS: Final = "other processes"


@dataclass(slots=True)
class _Result:
    """The answers to a question, or the task that collects them."""

    task: asyncio.Task[ProcessAnswers]
    asked_at: float


class ProcessNetwork:
    """The processes of the application that have a console.

    Each subscribes to one channel of Redis. The one that is asked publishes a question; the others
    push their answers to a list, which expires. Without questions, nothing is sent. With Redis in
    the memory of this process, only this process answers.

    Args:
        app: The application.
        clients: The clients of Redis.
        functions: The functions that answer, by question.
    """

    def __init__(
        self, app: Application, clients: RedisClients, functions: Mapping[str, PanelFunction]
    ) -> None:
        self._clients = clients
        self._functions = functions
        self._channel = clients.key("console", "questions")
        self._task: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._results: dict[bytes, _Result] = {}
        #: The processes that have answered, and when.
        self._roster: dict[str, float] = {}
        #: The processes that have stopped in order, and when.
        self._stopped: dict[str, float] = {}
        #: The name of this process in answers.
        self.name = f"{socket.gethostname()} {os.getpid()} {app.mode}"

    @property
    def is_alone(self) -> bool:
        """Whether other processes cannot be asked."""
        return not self._clients.shared

    async def start(self) -> None:
        """Subscribe to the questions of other processes."""
        if self._clients.shared:
            self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """End the subscription, forget results, and report it to the other processes."""
        results = [result.task for result in self._results.values()]
        tasks = [task for task in (self._task, *self._answering, *results) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._results.clear()
        if self._task is None:
            return
        message = dumps({"from": self.name, "stopped": True})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._clients.execute("PUBLISH", self._channel, message)
        except (exceptions.RedisError, OSError, TypedError) as error:
            # Also after the timeout.
            logger.debug("other processes do not know that this one has stopped: %s", error)

    async def ask(self, question: str, inputs: Mapping[str, Any]) -> ProcessAnswers:
        """Call the function of a question in every process, and return the answers.

        Those of the last second are used again.

        Raises:
            InvalidInput: The inputs are invalid.
            LookupError: There is no such question.
        """
        if question not in self._functions:
            raise LookupError(f"no panel answers {question!r}")
        self._functions[question].schema.from_parsed(inputs)
        key = dumps([question, sorted(inputs.items())])
        now = time.monotonic()
        result = self._results.get(key)
        if result is None or now - result.asked_at >= MAX_AGE_SECONDS:
            self._drop_old(now)
            result = _Result(asyncio.create_task(self._collect(question, inputs)), now)
            self._results[key] = result
        # The cancellation of one caller must not end it for the others.
        return await asyncio.shield(result.task)

    def _drop_old(self, now: float) -> None:
        for key, result in list(self._results.items()):
            if now - result.asked_at >= MAX_AGE_SECONDS and result.task.done():
                del self._results[key]

    async def _collect(self, question: str, inputs: Mapping[str, Any]) -> ProcessAnswers:
        asked_ms = int(time.time() * 1000)
        asked = time.monotonic()
        own = asyncio.create_task(self._answer(question, inputs))
        others: list[ProcessAnswer] = []
        are_reachable = True
        if self._clients.shared:
            others, are_reachable = await self._ask_others(question, inputs)
        answers = sorted([await own, *others], key=lambda answer: answer.process)
        now = time.monotonic()
        present = {answer.process for answer in answers}
        # One that has stopped after its answer is not missing the next time.
        self._roster |= {name: now for name in present if self._stopped.get(name, 0.0) < asked}
        self._roster = _recent(self._roster, now)
        self._stopped = _recent(self._stopped, now)
        missing = tuple(sorted(self._roster.keys() - present))
        if not are_reachable:
            missing = missing or (OTHERS,)
        return ProcessAnswers(tuple(answers), missing, asked_ms, self.is_alone)

    async def _ask_others(
        self, question: str, inputs: Mapping[str, Any]
    ) -> tuple[list[ProcessAnswer], bool]:
        """Return the answers of other processes, and whether Redis could be reached."""
        id = new_identifier()
        replies = self._clients.key("console", "answers", id)
        message = {"id": id, "from": self.name, "question": question, "inputs": {**inputs}}
        answers: list[ProcessAnswer] = []
        are_reachable = False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                text = dumps(message)
                receivers = int(await self._clients.execute("PUBLISH", self._channel, text))
                are_reachable = True
                # In a cluster, only the receivers at one node are counted.
                expected = None if self._clients.is_cluster else receivers - 1
                while expected is None or len(answers) < expected:
                    popped: Any = await self._clients.blocking.blpop([replies], timeout=0)
                    answers.append(ProcessAnswer(**loads(popped[1].encode())))
        except TimeoutError:
            pass
        except (exceptions.RedisError, OSError, TypedError) as error:
            logger.debug("other processes cannot be asked: %s", error)
        return answers, are_reachable

    async def _answer(self, question: str, inputs: Mapping[str, Any]) -> ProcessAnswer:
        """Return the answer of this process."""
        function = self._functions.get(question)
        if function is None:
            return ProcessAnswer(self.name, None, "this process does not have the panel")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                value = await function(function.schema.from_parsed(inputs), None)
            return ProcessAnswer(self.name, value)
        except TypedError as error:
            return ProcessAnswer(self.name, None, error.message)
        except Exception as error:
            if not isinstance(error, TimeoutError):
                logger.exception("the answer of %r has failed", question)
            return ProcessAnswer(self.name, None, f"it failed: {type(error).__name__}")

    async def _listen(self) -> None:
        messages = channel_messages(self._clients, self._channel)
        async with contextlib.aclosing(messages):
            async for text in messages:
                if text is None:
                    continue
                task = asyncio.create_task(self._reply(text))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)

    async def _reply(self, text: str) -> None:
        try:
            message = loads(text.encode())
            if message["from"] == self.name:
                return
            if "stopped" in message:
                self._roster.pop(message["from"], None)
                self._stopped[message["from"]] = time.monotonic()
                return
            answer = await self._answer(message["question"], message["inputs"])
            encoded = _encode(answer)
            replies = self._clients.key("console", "answers", message["id"])
            await self._clients.execute("RPUSH", replies, encoded)
            await self._clients.execute("EXPIRE", replies, _ANSWERS_TTL_SECONDS, idempotent=True)
        except (exceptions.RedisError, OSError, TypedError, KeyError, TypeError) as error:
            logger.debug("a question of another process cannot be answered: %s", error)


def _recent(times: Mapping[str, float], now: float) -> dict[str, float]:
    return {name: time_ for name, time_ in times.items() if now - time_ < ROSTER_SECONDS}


def _encode(answer: ProcessAnswer) -> bytes:
    try:
        encoded = dumps({"process": answer.process, "value": answer.value, "error": answer.error})
    except (TypeError, ValueError):
        return _encode(ProcessAnswer(answer.process, None, "the answer is not JSON"))
    if len(encoded) > _MAX_ANSWER_BYTES:
        return _encode(ProcessAnswer(answer.process, None, "the answer is larger than 1 MiB"))
    return encoded
