"""The panels of the console itself, over HTTP."""

from __future__ import annotations

import asyncio
import functools
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from plugins.console.tests.conftest import INPUT_SECRET, OPERATORS, SECRET, Site, Ticks

from actionhero import hookimpl, logs
from actionhero_console import Panel
from actionhero_console.builtin.actions import MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def logged() -> Iterator[None]:
    """Write log lines, as a server does."""
    logs.configure("info", "json", stream=io.StringIO())
    yield
    logs.shutdown()


async def run(site: Site, action: str, /, user: str = "", **values: str) -> dict[str, Any]:
    """Call an action from its form, and return its outcome."""
    texts = {key: [value] for key, value in values.items()}
    body = {"name": action, "values": texts, "user": user}
    response = await site.change("actions/run", json=body)
    assert response.status_code == 200, response.text
    value: dict[str, Any] = response.json()["value"]
    return value


async def test_overview_shows_health_and_rates(site: Any) -> None:
    """Of this process alone, as Redis is in its memory."""
    async with site() as running:
        for name in ("Ada", "missing", "Ada", ""):
            await running.client.post("/api/greet", json={"name": name} if name else {})
        await running.client.get("/api/nowhere")
        processes = await running.read("overview.processes")
        rates = await running.read("overview.rates")

    [answer] = processes["processes"]
    assert processes["only_this_process"] is True
    assert (answer["value"]["mode"], answer["value"]["ready"]) == ("server", True)
    assert answer["value"]["memory_bytes"] > 1_000_000
    assert {check["name"]: check["healthy"] for check in answer["value"]["checks"]}["redis"]
    web = rates["transports"]["web"]
    assert (web["calls"], web["errors"]) == (5, 3)
    assert 0 < web["p50"] <= web["p95"] <= web["p99"]
    assert sum(calls for _, calls, _ in rates["series"]) == 5


async def test_checks_are_unknown_until_they_have_ended(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs does not make the others healthy."""
    from actionhero.transport import Health

    hanging = asyncio.Event()

    async def hang(*_: Any) -> list[Any]:
        await hanging.wait()
        return []

    async with site() as running:
        monkeypatch.setattr(Health, "check", hang)
        before = await running.read("overview.processes")
        hanging.set()

    assert before["processes"][0]["value"]["checks"] is None


async def test_actions_are_listed_with_their_routes_and_calls(site: Any) -> None:
    """The form has a field for each input."""
    async with site() as running:
        await running.client.post("/api/greet", json={"name": "Ada"})
        actions = {action["name"]: action for action in await running.read("actions.list")}
        rates = await running.read("actions.rates")
        greet = await running.read("actions.form", '{"name": "greet"}')
        search = await running.read("actions.form", '{"name": "search"}')
        unknown = await running.read("actions.form", '{"name": "nothing"}')

    assert actions["greet"]["routes"] == [["POST", "/api/greet"]]
    assert actions["greet"]["transports"] == ["http", "websocket"]
    assert (rates["greet"]["calls"], rates["greet"]["errors"]) == (1, 0)
    fields = {field["name"]: field for field in [*greet["fields"], *search["fields"]]}
    assert fields["token"]["secret"] is True
    assert {name: field["kind"] for name, field in fields.items()} == {
        "name": "text",
        "token": "text",
        "topic": "text",
        "limit": "integer",
        "exact": "boolean",
    }
    assert fields["limit"]["constraints"] == {"minimum": 1, "maximum": 50}
    assert (fields["limit"]["default"], fields["topic"]["required"]) == ("10", True)
    assert unknown["message"] == "There is no such action"


async def test_an_action_is_called_from_its_form(site: Any) -> None:
    """As an anonymous caller, or as a user; texts are converted as on the command line."""
    async with site() as running:
        anonymous = await run(running, "greet", name="Ada")
        user = await run(running, "greet", user="7", name="Ada")
        refused = await run(running, "greet", name="missing")
        invalid = await run(running, "search", limit="99")
        results = await run(running, "search", topic="moon", limit="2", exact="true")
        thing = await run(running, "thing")

    assert json.loads(anonymous["value"]) == {"greeting": "Hello Ada", "user": None}
    assert json.loads(user["value"])["user"] == 7
    assert refused["error"]["message"] == "there is no such person"
    assert [problem["pointer"] for problem in invalid["error"]["errors"]] == ["/topic", "/limit"]
    assert json.loads(results["value"]) == ["moon", "moon"]
    assert thing["ok"] is False
    assert "cannot be encoded: a value of type 'object'" in thing["error"]["message"]


async def test_a_stream_is_called_until_its_first_items(site: Any) -> None:
    """One without end would never return, and fill the memory."""
    Ticks.closed.clear()
    async with site() as running:
        ticks = await run(running, "ticks")
        chunks = await run(running, "chunks")
        binary = await run(running, "binary")

    numbers = json.loads(ticks["value"].removesuffix("…"))
    assert numbers == [2**53 + 1 + index for index in range(MAX_ITEMS)]
    assert (ticks["cut"], Ticks.closed) == (True, [True])
    assert (json.loads(chunks["value"]), chunks["cut"]) == (["\ufffdchunk"], False)
    assert json.loads(binary["value"]) == "\ufffdbytes"


async def test_calls_are_recorded_before_and_after(site: Any) -> None:
    """With redacted inputs, and the user they were made as."""
    async with site(operators=OPERATORS) as running:
        await running.sign_in("ada")
        await run(running, "greet", user="7", name="Ada", token=INPUT_SECRET)
        begun, success = (await running.audit())[-2:]

    assert (begun["outcome"], success["outcome"]) == ("begun", "success")
    assert begun["act"] == success["act"]
    expected = {
        "operator": "ada",
        "role": "admin",
        "remote": "127.0.0.1",
        "panel": "actions",
        "change": "run",
        "target": "action greet",
        "as_user": "7",
    }
    assert begun.items() >= expected.items()
    assert begun["inputs"]["name"] == "Ada"
    assert INPUT_SECRET not in str([begun, success])


async def test_a_call_that_fails_is_recorded_as_a_failure(site: Any) -> None:
    """With the type of its error."""
    async with site() as running:
        await run(running, "greet", name="missing")
        begun, failure = await running.audit()

    assert (begun["outcome"], failure["outcome"]) == ("begun", "failure")
    assert failure["error"] == "CONNECTION_ACTION_RECORD_NOT_FOUND"


@pytest.mark.usefixtures("logged")
async def test_secrets_are_in_no_answer(site: Any) -> None:
    """Neither those of settings, nor those of inputs."""
    environ = {"ACTIONHERO_CONSOLE__LOG_LINES": "100"}
    async with site(password=SECRET, environ=environ) as running:
        await running.sign_in("admin", SECRET)
        await run(running, "greet", name="Ada", token=INPUT_SECRET)
        await run(running, "greet", name="crash", token=INPUT_SECRET)
        described = (await running.client.get("/console/api/console")).json()
        names = ["overview.processes", "overview.rates", "actions.list", "actions.rates"]
        names += ["settings.list", "audit.list", "log.lines"]
        answers = {name: await running.read(name) for name in names}
        answers["actions.form"] = await running.read("actions.form", '{"name": "greet"}')

    text = json.dumps([answers, described])
    assert "password" in text
    assert answers["log.lines"]["lines"]
    for secret in (SECRET, INPUT_SECRET, "k" * 32):
        assert secret not in text.replace(f"crashed for {INPUT_SECRET}", "")


async def test_settings_show_values_with_their_origin(site: Any) -> None:
    """Hashes of operators are masked as well."""
    async with site(operators=OPERATORS) as running:
        await running.sign_in("eve")
        data = await running.read("settings.list")

    rows = {f"{row['section']}.{row['key']}": row for row in data["settings"]}
    assert rows["web.port"]["origin"] == "PORT"
    assert rows["console.session"]["is_default"] is True
    assert "scrypt" not in json.dumps(data)
    assert {plugin["state"] for plugin in data["plugins"]} == {"active"}
    assert data["problems"] == []


async def test_panels_of_plugins_are_read_and_changed(site: Any) -> None:
    """A panel that raises does not affect the others."""
    async with site() as running:
        changed = await running.change("stamps/stamp", json={"id": "7"})
        query = {"stamps.list": '{"id": "broken"}', "overview.rates": "{}", "nothing.list": ""}
        response = await running.client.get("/console/api/read", params=query)
        results = response.json()["results"]
        script = await running.client.get("/console/panels/stamps/panel.js")
        outside = await running.client.get("/console/panels/stamps/..%2Fconftest.py")

    assert changed.json()["value"] == {"id": "7"}
    assert "value" in results["overview.rates"]
    broken = results["stamps.list"]["error"]
    assert broken["message"] == "The query has failed; the log has the reason"
    assert results["nothing.list"]["error"]["message"] == "There is no such panel"
    assert (script.status_code, outside.status_code) == (200, 404)


async def test_names_of_files_may_contain_a_percent_sign(site: Any, tmp_path: Path) -> None:
    """The path of a request is decoded once."""
    (tmp_path / "panel.js").write_text("export default class {}")
    (tmp_path / "50%61.svg").write_text("<svg/>")

    class Plugin:
        @hookimpl(optionalhook=True)
        def actionhero_console_panels(self) -> list[Panel]:
            return [Panel("half", "Half", assets=tmp_path)]

    async with site(Plugin()) as running:
        picture = await running.client.get("/console/panels/half/50%2561.svg")
        other = await running.client.get("/console/panels/half/50%61.svg")

    assert (picture.status_code, picture.text) == (200, "<svg/>")
    assert other.status_code == 404


async def test_long_queries_are_sent_in_the_body(site: Any) -> None:
    """As JSON, and by the own page only; the positions in the logs of many processes are long."""
    after = {f"actionhero-deployment-7d9f8c6b5-{number} 1 server": 7 for number in range(500)}
    query = {"log.lines": {"after": after}, "stamps.list": {"id": "7"}}
    async with site() as running:
        post = functools.partial(running.client.post, "/console/api/read")
        response = await post(json=query)
        foreign = await post(json=query, headers={"Origin": "https://evil.example"})
        form = await post(data={"log.lines": "{}"})
        wrong = await running.client.post("/console/api/console", json={})

    results = response.json()["results"]
    assert "lines" in results["log.lines"]["value"]
    assert results["stamps.list"]["value"]["id"] == "7"
    assert [foreign.status_code, form.status_code, wrong.status_code] == [403, 415, 405]


async def test_a_result_that_is_not_json_is_an_error_of_its_query(site: Any) -> None:
    """The others are returned, and the log names the type."""
    async with site() as running:
        running.stamps.made.append(object())
        query = {"stamps.list": '{"id": "7"}', "overview.rates": "{}"}
        response = await running.client.get("/console/api/read", params=query)

    results = response.json()["results"]
    assert "value" in results["overview.rates"]
    message = "The query has failed; the log has the reason"
    assert results["stamps.list"]["error"]["message"] == message


async def test_invalid_requests_are_refused(site: Any) -> None:
    """Unknown parts are 404, inputs of another type 422 with their pointers."""
    async with site() as running:
        statuses = [
            (await running.change(path, json={"id": "7"})).status_code
            for path in ("nothing/stamp", "stamps/nothing", "stamps", "stamps/stamp/more")
        ]
        invalid = await running.change("stamps/stamp", json={"id": 7})
        missing = await running.change("stamps/stamp", json={"id": "missing"})
        malformed = await running.change("stamps/stamp", content="{", json=None)
        queries = {f"stamps.{number}": "{}" for number in range(21)}
        many = await running.client.get("/console/api/read", params=queries)
        wrong = await running.read("log.lines", '{"after": []}')
        entries = await running.audit()

    assert statuses == [404] * 4
    assert (invalid.status_code, missing.status_code, many.status_code) == (422, 404, 422)
    assert [problem["pointer"] for problem in invalid.json()["error"]["errors"]] == ["/id"]
    assert malformed.status_code == 415
    assert [problem["pointer"] for problem in wrong["errors"]] == ["/after"]
    # Changes that were not attempted are not in the audit log.
    assert [entry["outcome"] for entry in entries] == ["begun", "failure"]


async def test_a_change_that_cannot_be_recorded_is_refused(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 503, and nothing is done."""
    from redis.exceptions import ConnectionError as RedisConnectionError

    from actionhero_redis import RedisClients

    async def fail(*_: Any, **__: Any) -> None:
        raise RedisConnectionError("down")

    async with site() as running:
        monkeypatch.setattr(RedisClients, "execute", fail)
        response = await running.change("stamps/stamp", json={"id": "7"})
        made = running.stamps.made

    assert response.status_code == 503
    assert "nothing was done" in response.json()["error"]["message"]
    assert made == []


async def test_a_query_while_redis_is_away_says_so(
    site: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a traceback in the log, every two seconds."""
    from redis.exceptions import ConnectionError as RedisConnectionError

    from actionhero_redis import RedisClients

    async def fail(*_: Any, **__: Any) -> None:
        raise RedisConnectionError("down")

    async with site() as running:
        monkeypatch.setattr(RedisClients, "execute", fail)
        error = await running.read("audit.list")
        monkeypatch.undo()

    assert error["type"] == "CONNECTION_SERVICE_UNAVAILABLE"
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.usefixtures("logged")
async def test_the_log_is_followed_and_filtered(site: Any) -> None:
    """Each line once, by level, action, outcome, request id and text."""
    async with site() as running:
        await run(running, "greet", name="<script>alert(1)</script>")
        await running.client.post(
            "/api/greet", json={"name": "missing"}, headers={"X-Request-Id": "r-1"}
        )
        first = await running.read("log.lines")
        after = json.dumps({"after": first["last"]})
        second = await running.read("log.lines", after)
        failed = await running.read("log.lines", '{"outcome": "failed", "action": "greet"}')
        text = await running.read("log.lines", '{"text": "<SCRIPT>"}')
        errors = await running.read("log.lines", '{"level": "error"}')

    calls = [line for line in first["lines"] if line["facts"].get("action") == "greet"]
    assert len(calls) >= 2
    assert not [line for line in second["lines"] if line["facts"].get("action") == "greet"]
    assert [json.loads(line["facts"]["inputs"]) for line in failed["lines"]] == [
        {"name": "missing", "token": "[redacted]"}
    ]
    assert all("<script>" in json.dumps(line) for line in text["lines"])
    assert text["lines"]
    assert errors["lines"] == []


@pytest.mark.usefixtures("logged")
async def test_audit_events_are_not_in_the_log(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Viewers read it; only admins read the audit log."""
    async with site(operators=OPERATORS) as running:
        await running.sign_in("ada")
        await running.change("stamps/burn", json={"id": "7"})
        await running.sign_in("eve")
        lines = (await running.read("log.lines"))["lines"]
        matches = (await running.read("log.lines", '{"text": "ada"}'))["lines"]

    assert [record for record in caplog.records if record.name == "actionhero.audit"]
    assert {line["facts"]["logger"] for line in lines} == {"actionhero.web", "httpx"}
    assert {line["facts"]["logger"] for line in matches} <= {"httpx"}


async def test_the_audit_log_is_paged(site: Any) -> None:
    """A hundred entries at a time, the newest first."""
    async with site() as running:
        for number in range(60):
            await running.change("stamps/stamp", json={"id": str(number)})
        first = await running.read("audit.list")
        second = await running.read("audit.list", json.dumps({"before": first["next"]}))

    assert (len(first["entries"]), len(second["entries"])) == (100, 20)
    assert first["entries"][0]["target"] == "letter 59"
    assert second["next"] == ""
    assert not {e["id"] for e in first["entries"]} & {e["id"] for e in second["entries"]}


async def test_long_entries_of_the_audit_log_are_cut(site: Any) -> None:
    """A page of them is small; their first facts and all digits of numbers are kept."""
    async with site() as running:
        note = "x" * 500_000
        body = {"id": str(2**53 + 1), "note": note}
        changed = await running.change("stamps/stamp", json=body)
        stored = await running.audit()
        page = await running.read("audit.list")

    assert changed.status_code == 200
    assert len(json.dumps(stored)) < 2 * 25_000
    assert len(json.dumps(page)) < 2 * 25_000
    assert page["entries"][0]["target"] == f"letter {2**53 + 1}"
    assert page["entries"][0]["inputs"].startswith('{"id":"9007199254740993","note":"xxx')
