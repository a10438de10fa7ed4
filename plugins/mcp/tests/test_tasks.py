"""The tasks extension: long calls run as jobs of the queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from plugins.mcp.tests.conftest import META, TokensPlugin, meta

from actionhero import Action, Call, Inputs, Scope, TypedError
from actionhero_mcp import Tool
from actionhero_mcp.revisions import TASKS
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture
from actionhero_tasks import Task
from actionhero_tasks import plugin as tasks_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from plugins.mcp.tests.conftest import Serve, Site

CAN = meta(extensions={TASKS: {}})


class ReportInputs(Inputs):
    """The inputs of `report`."""

    fault: str = ""
    seconds: float = 0


class Report(Action):
    """Write a report."""

    name = "report"
    task = Task(retries=0)
    mcp = Tool(task=True, scopes=["reports"])

    async def run(self, inputs: ReportInputs, call: Call) -> dict[str, Any]:
        call.progress(1, 2)
        await asyncio.sleep(inputs.seconds)
        if inputs.fault == "typed":
            raise TypedError("No data")
        if inputs.fault:
            raise RuntimeError("crash")
        return {"user": call.principal.user, "transport": call.connection.transport}


class Archive(Action):
    """Archive everything; it takes hours."""

    name = "archive"
    task = Task()
    mcp = Tool(task="required")
    requires = Scope("reports")

    async def run(self) -> None:
        """Archive."""


class Confirm(Inputs):
    """A confirmation."""

    sure: bool


class Remove(Action):
    """Remove a file, after two questions."""

    name = "remove"
    task = Task(retries=0)
    mcp = Tool(task="required")

    async def run(self, call: Call) -> list[str]:
        first, second = await asyncio.gather(
            call.ask("Remove it?", Confirm, key="first"), call.ask("Really?", Confirm)
        )
        return [first.action, second.action]


@pytest.fixture
async def site(serve: Serve, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """Start the application with a queue, and a worker in the server."""
    plugins = (redis_plugin, tasks_plugin, Report, Archive, Remove, TokensPlugin())
    settings = {
        "ACTIONHERO_REDIS__URL": request.getfixturevalue("redis_server").url,
        "ACTIONHERO_TASKS__RUN_IN_SERVER": "true",
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path),
        "ACTIONHERO_MCP__TASK_INPUT_WAIT": "3s",
    }
    async with serve(*plugins, **settings) as site:
        yield site


async def call(site: Site, user: str = "7-reports", **arguments: Any) -> Any:
    """Call the tool as a client with tasks, and return the result."""
    params = {"name": "report", "arguments": arguments, "_meta": CAN}
    reply = await site.new("tools/call", params, Authorization=f"Bearer {user}")
    return reply.body.get("result", reply.body)


async def request(site: Site, method: str, task_id: str, user: str = "7-reports") -> Any:
    """Send a request about a task, and return the result or the error."""
    headers = {"Authorization": f"Bearer {user}", "Mcp_Name": task_id}
    reply = await site.new(method, {"taskId": task_id, "_meta": CAN}, **headers)
    return reply.body.get("result", reply.body.get("error"))


async def ended(site: Site, task_id: str) -> Any:
    """Wait until a task has ended, and return it."""
    async with asyncio.timeout(20):
        while True:
            task = await request(site, "tasks/get", task_id)
            if task["status"] not in {"working", "input_required"}:
                return task
            await asyncio.sleep(0.05)


async def test_a_call_runs_as_a_job_of_its_caller(site: Site) -> None:
    created = await call(site)
    task = await ended(site, created["taskId"])

    assert created["resultType"] == "task"
    assert created["status"] in {"working", "completed"}
    assert task["resultType"] == "complete"
    assert task["status"] == "completed"
    assert task["result"]["structuredContent"] == {"user": 7, "transport": "task"}


async def test_clients_without_tasks_get_a_plain_result(site: Site) -> None:
    """Unless the tool requires a task."""
    user = {"Authorization": "Bearer 7-reports"}
    plain = await site.new("tools/call", {"name": "report"}, **user)
    older = await site.old("tools/call", {"name": "report"}, **user)
    required = await site.new("tools/call", {"name": "archive"}, **user)
    unknown = await site.new("tasks/get", {"taskId": "x"}, Mcp_Name="x")

    for reply in (plain, older):
        assert reply.body["result"]["structuredContent"]["transport"] == "mcp"
    for reply in (required, unknown):
        assert reply.body["error"]["code"] == -32021
        assert reply.body["error"]["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
    assert META in TASKS


async def test_callers_and_inputs_are_checked_before_the_job(site: Site) -> None:
    invalid = await call(site, fault=1)
    forbidden = await call(site, "7-other")

    assert invalid["isError"] is True
    assert forbidden["error"]["message"] == "This action requires the scope 'reports'"


@pytest.mark.parametrize(("fault", "status"), [("typed", "completed"), ("unexpected", "failed")])
async def test_failures(site: Site, fault: str, status: str) -> None:
    """The error of a tool is a result; an unexpected one is that of the task."""
    created = await call(site, fault=fault)
    task = await ended(site, created["taskId"])

    assert task["status"] == status
    if fault == "typed":
        assert task["result"]["isError"] is True
        assert "No data" in task["result"]["content"][0]["text"]
    else:
        assert task["error"] == {"code": -32603, "message": "Internal error"}


async def test_a_task_is_cancelled(site: Site) -> None:
    created = await call(site, seconds=30)
    acknowledged = await request(site, "tasks/cancel", created["taskId"])
    task = await ended(site, created["taskId"])

    assert acknowledged["resultType"] == "complete"
    assert task["status"] == "cancelled"


async def test_a_task_belongs_to_its_caller(site: Site) -> None:
    """An id can neither be guessed nor passed on."""
    created = await call(site)
    other = await request(site, "tasks/get", created["taskId"], "8-reports")
    forged = await request(site, "tasks/get", created["taskId"] + "x")

    assert other["code"] == forged["code"] == -32602


# -- questions ----------------------------------------------------------------------------------


async def removing(site: Site, **capabilities: Any) -> str:
    """Call the tool that asks, and return the id of its task."""
    can = meta(extensions={TASKS: {}}, **capabilities)
    params = {"name": "remove", "arguments": {}, "_meta": can}
    reply = await site.new("tools/call", params, Authorization="Bearer 7-reports")
    return str(reply.body["result"]["taskId"])


async def asked(site: Site, task_id: str, count: int) -> Any:
    """Wait for a number of questions, and return the task."""
    async with asyncio.timeout(20):
        while True:
            task = await request(site, "tasks/get", task_id)
            if len(task.get("inputRequests", ())) == count:
                return task
            assert task["status"] in {"working", "input_required"}, task
            await asyncio.sleep(0.02)


async def answer(site: Site, task_id: str, user: str = "7-reports", **answers: Any) -> Any:
    """Send answers, and return the result or the error."""
    headers = {"Authorization": f"Bearer {user}", "Mcp_Name": task_id}
    responses = {
        key: {"action": "accept", "content": {"sure": value}} for key, value in answers.items()
    }
    params = {"taskId": task_id, "_meta": CAN, "inputResponses": responses}
    reply = await site.new("tasks/update", params, **headers)
    return reply.body.get("result", reply.body.get("error"))


async def test_a_job_asks_the_client_of_its_task(site: Site) -> None:
    """Answers may come one by one; one that does not fit the form is asked for again."""
    task_id = await removing(site, elicitation={})
    both = await asked(site, task_id, 2)
    foreign = await answer(site, task_id, "8-reports", first=True)
    acknowledged = await answer(site, task_id, first=True, unknown=True)
    one = await asked(site, task_id, 1)
    await answer(site, task_id, "7-reports", **{"input-2": "perhaps"})
    again = await asked(site, task_id, 1)
    await answer(site, task_id, "7-reports", **{"input-2": True})
    task = await ended(site, task_id)

    assert both["status"] == "input_required"
    assert both["inputRequests"]["first"]["method"] == "elicitation/create"
    assert both["inputRequests"]["first"]["params"]["message"] == "Remove it?"
    assert foreign["code"] == -32602
    assert acknowledged["resultType"] == "complete"
    assert list(one["inputRequests"]) == list(again["inputRequests"]) == ["input-2"]
    assert task["status"] == "completed"
    assert task["result"]["structuredContent"] == ["accept", "accept"]


async def test_a_job_waits_for_a_limited_time(site: Site) -> None:
    task_id = await removing(site, elicitation={})
    await asked(site, task_id, 2)

    task = await ended(site, task_id)

    assert task["result"]["isError"]
    assert "has not answered in time" in task["result"]["content"][0]["text"]


async def test_a_job_of_a_client_that_cannot_ask_fails(site: Site) -> None:
    task = await ended(site, await removing(site))

    assert task["result"]["isError"]
    assert "CONNECTION_TYPE_NOT_FOUND" in task["result"]["content"][0]["text"]
