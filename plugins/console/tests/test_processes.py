"""Several processes on one Redis, as two applications in this one."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError as RedisConnectionError

from actionhero_console import processes
from actionhero_console.console import Console
from actionhero_console.panels import ProcessAnswer, ProcessAnswers
from actionhero_redis import RedisClients
from actionhero_web import PanelFunction

if TYPE_CHECKING:
    import pytest


async def commands_of(running: Any) -> int:
    """Return the number of commands that Redis has executed."""
    info: dict[str, Any] = await running.app.app.get(RedisClients).client.info("stats")
    return int(info["total_commands_processed"])


async def test_all_processes_answer(site: Any, redis_server: Any) -> None:
    """Once a second for all viewers; one that has crashed is missing, one that stopped is not."""
    environ = {"ACTIONHERO_REDIS__MODE": "auto", "REDIS_URL": redis_server.url}
    async with site(environ=environ) as one, AsyncExitStack() as stack:
        other = await stack.enter_async_context(site(environ=environ))
        network, others = (site_.app.app.get(Console).processes for site_ in (one, other))
        # In production, processes have different names.
        others.name = "elsewhere 7 worker"
        other.stamps.made.append("by the other")
        await until_subscribed(one)
        answers, again = await asyncio.gather(
            network.ask("stamps.made", {}), network.ask("stamps.made", {})
        )
        data = await one.read("overview.processes")
        idle = await commands_of(one)
        await asyncio.sleep(0.3)
        # `INFO` itself.
        assert await commands_of(one) - idle <= 1
        others._task.cancel()
        await until_subscribed(one, 1)
        network._results.clear()
        crashed = await network.ask("stamps.made", {})
        await stack.aclose()
        async with asyncio.timeout(10):
            while others.name not in network._stopped:  # noqa: ASYNC110 - of Redis
                await asyncio.sleep(0.01)
        network._results.clear()
        stopped = await network.ask("stamps.made", {})

    assert {answer.process for answer in answers.answers} == {network.name, "elsewhere 7 worker"}
    assert sorted(answers.values) == [[], ["by the other"]]
    assert answers is again
    assert len(data["processes"]) == 2
    assert data["only_this_process"] is False
    assert crashed.missing == ("elsewhere 7 worker",)
    assert crashed.values == stopped.values == [[]]
    assert stopped.missing == ()


async def until_subscribed(running: Any, count: int = 2) -> None:
    """Wait until a number of processes wait for questions."""
    clients = running.app.app.get(RedisClients)
    channel = clients.key("console", "questions")
    for _ in range(1000):
        if await clients.bytes.pubsub_numsub(channel) == [(channel.encode(), count)]:
            return
        # Redis has no event for it.
        await asyncio.sleep(0.01)
    raise AssertionError(f"not {count} subscribers")


async def test_a_sign_out_ends_the_session_in_other_processes(site: Any, redis_server: Any) -> None:
    """The cookie is refused there too."""
    environ = {"ACTIONHERO_REDIS__MODE": "auto", "REDIS_URL": redis_server.url}
    async with site(password="sesame", environ=environ) as one:
        await one.sign_in("admin", "sesame")
        headers = {"Cookie": f"actionhero_console={one.client.cookies['actionhero_console']}"}
        async with site(password="sesame", environ=environ) as other:
            before = await other.client.get("/console/api/console", headers=headers)
            await one.client.post("/console/sign-out")
            after = await other.client.get("/console/api/console", headers=headers)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_process_that_hangs_is_not_awaited(
    site: Any, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others answer within the time limit."""
    environ = {"ACTIONHERO_REDIS__MODE": "auto", "REDIS_URL": redis_server.url}
    async with site(environ=environ) as one, site(environ=environ) as other:
        others = other.app.app.get(Console).processes
        others.name = "elsewhere 7 worker"
        await until_subscribed(one)

        async def hang(*_: Any) -> None:
            # Until the application stops.
            await asyncio.Event().wait()

        monkeypatch.setattr(others, "_answer", hang)
        started = asyncio.get_running_loop().time()
        answers = await one.app.app.get(Console).processes.ask("stamps.made", {})
        seconds = asyncio.get_running_loop().time() - started

    assert len(answers.answers) == 1
    assert processes.ANSWER_SECONDS <= seconds < processes.ANSWER_SECONDS + 1


async def test_an_answer_that_fails_has_its_error(site: Any) -> None:
    """And is no value."""

    def fail() -> None:
        raise ZeroDivisionError

    async with site() as running:
        network = running.app.app.get(Console).processes
        network._functions = {**network._functions, "stamps.made": PanelFunction(fail)}
        answers = await network.ask("stamps.made", {})

    assert answers.only_this_process is True
    assert [answer.error for answer in answers.answers] == ["it failed: ZeroDivisionError"]
    assert answers.values == []


async def test_results_are_kept_for_a_second(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a followed log differ each time, and are not used again."""
    monkeypatch.setattr(processes, "MAX_AGE_SECONDS", 0.0)
    async with site() as running:
        network = running.app.app.get(Console).processes
        for number in range(5):
            await network.ask("log.lines", {"after": {"x": number}})

    assert len(network._results) <= 1


async def test_processes_are_missing_while_redis_is_away(
    site: Any, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if none of them is known by its name."""
    environ = {"ACTIONHERO_REDIS__MODE": "auto", "REDIS_URL": redis_server.url}
    async with site(environ=environ) as running:

        async def fail(*_: Any, **__: Any) -> None:
            raise RedisConnectionError("down")

        monkeypatch.setattr(RedisClients, "execute", fail)
        data = await running.read("overview.processes")
        monkeypatch.undo()

    assert data["missing"] == ["other processes"]
    assert len(data["processes"]) == 1


def test_processes_with_errors_have_not_answered() -> None:
    """Panels that add numbers up name them with the missing ones."""
    answers = ProcessAnswers(
        (ProcessAnswer("b", 1), ProcessAnswer("c", None, "too large")), missing=("a",)
    )

    assert answers.unanswered == ["a", "c"]


async def test_a_process_that_stops_after_its_answer_is_not_missing(
    site: Any, redis_server: Any
) -> None:
    """Its answer may be collected after the message that it has stopped."""
    environ = {"ACTIONHERO_REDIS__MODE": "auto", "REDIS_URL": redis_server.url}
    async with site(environ=environ) as running:
        network = running.app.app.get(Console).processes
        ask_others = network._ask_others

        async def stop_other(*arguments: Any) -> Any:
            await ask_others(*arguments)
            message = {"from": "elsewhere 7 worker", "stopped": True}
            await network._reply(json.dumps(message))
            return [ProcessAnswer("elsewhere 7 worker", [])], True

        network._ask_others = stop_other
        first = await network.ask("stamps.made", {})
        network._ask_others = ask_others
        network._results.clear()
        second = await network.ask("stamps.made", {})

    assert len(first.answers) == 2
    assert (len(second.answers), second.missing) == (1, ())
