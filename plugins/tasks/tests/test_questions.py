"""Questions of jobs to their users, by a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Answer, Call, Inputs, RunMode, hookimpl
from actionhero_tasks import JobQuestions, Task, Tasks
from actionhero_tasks.testing import drain

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")


class Confirm(Inputs):
    sure: bool


class Delete(Action):
    """Delete messages, after questions."""

    name = "delete"
    task = Task(retries=0)

    async def run(self, call: Call) -> list[str]:
        first = await call.ask("Delete them?", Confirm)
        second = await call.ask("Really?", Confirm, key="again")
        return [first.action, second.action]


class Questions(JobQuestions):
    """Records questions, and accepts them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def ask(self, job_id: str, question: str, type_: Any, *, key: str) -> Answer[Any]:
        self.asked.append((job_id, question, key))
        return Answer("accept", type_(sure=True))


class Plugin:
    """A plugin that asks."""

    def __init__(self) -> None:
        self.questions = Questions()

    @hookimpl
    def actionhero_tasks_questions(self) -> list[JobQuestions]:
        return [self.questions]


async def test_a_plugin_asks_the_user_of_a_job(tasks_app: Callable[..., Any]) -> None:
    """With the key of the question, by default its position."""
    plugin = Plugin()
    async with tasks_app(Delete, plugin, mode=RunMode.CLI) as app:
        id = await app.get(Tasks).enqueue(Delete)
        [job] = await drain(app)

    assert job.result == ["accept", "accept"]
    assert plugin.questions.asked == [(id, "Delete them?", "input-1"), (id, "Really?", "again")]


async def test_without_a_plugin_a_question_is_an_error(tasks_app: Callable[..., Any]) -> None:
    async with tasks_app(Delete, mode=RunMode.CLI) as app:
        await app.get(Tasks).enqueue(Delete)
        [job] = await drain(app)

    assert job.state == "dead"
    assert job.error is not None
    assert job.error["type"] == "CONNECTION_TYPE_NOT_FOUND"
