"""The metrics of all packages, in one application that uses each of them."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator  # noqa: TC003 - of an action, which resolves it
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import actionhero_channels.plugin
import actionhero_db.plugin
import actionhero_limits.plugin
import actionhero_redis.plugin
import actionhero_tasks.plugin
import actionhero_telemetry.plugin
import actionhero_web.plugin
import actionhero_websocket.plugin
from actionhero import Action, Call, ErrorType, RunMode, Session, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel, Channels
from actionhero_channels.testing import RecordingSubscriber
from actionhero_db import Models
from actionhero_limits import LimitsSettings
from actionhero_tasks import Task, Tasks, TasksSettings
from actionhero_telemetry import TelemetrySettings
from actionhero_telemetry.builtin_metrics import scrape_errors, series_dropped
from actionhero_web import WebSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from actionhero.testing import RunningApp
    from actionhero_channels import Subscription

PLUGINS = (
    actionhero_channels.plugin,
    actionhero_db.plugin,
    actionhero_limits.plugin,
    actionhero_redis.plugin,
    actionhero_tasks.plugin,
    actionhero_telemetry.plugin,
    actionhero_web.plugin,
    actionhero_websocket.plugin,
)
#: The table of `docs/how-to/metrics.md`, with the suffixes for Prometheus.
NAMES = {
    "actionhero_call_active",
    "actionhero_call_duration_seconds",
    "actionhero_call_refused",
    "actionhero_channel_broadcasts",
    "actionhero_channel_gaps",
    "actionhero_channel_subscribers",
    "actionhero_db_connections",
    "actionhero_http_connections",
    "actionhero_http_refused",
    "actionhero_info",
    "actionhero_job_duration_seconds",
    "actionhero_job_enqueued",
    "actionhero_job_oldest_seconds",
    "actionhero_job_wait_seconds",
    "actionhero_job_workers",
    "actionhero_jobs",
    "actionhero_limit_checks",
    "actionhero_loop_delay_seconds",
    "actionhero_redis_connections",
    "actionhero_schedule_delay_seconds",
    "actionhero_scrape_errors",
    "actionhero_series_dropped",
    "actionhero_stream_duration_seconds",
    "actionhero_websocket_closed",
    "actionhero_websocket_connections",
    "actionhero_websocket_messages",
    "http_server_active_requests",
    "http_server_request_duration_seconds",
    "process_cpu_seconds",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
}


class News(Channel):
    name = "news:{id}"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Send(Action):
    """Send a message, at most twice a minute."""

    name = "send"
    web = "POST /send"
    limit = "2/minute"
    task = Task(queue="mail")

    async def run(self, call: Call) -> None:
        await call.get(Channels).broadcast("news:1", "text")


class Letters(Action):
    """Stream letters."""

    name = "letters"
    web = "GET /letters"

    async def run(self) -> AsyncIterator[str]:
        yield "a"


class Clean(Action):
    """Clean up all the time."""

    name = "clean"
    task = Task(every=timedelta(seconds=1))

    async def run(self) -> None:
        pass


MODELS = """
from tortoise import fields
from tortoise.models import Model


class Mail(Model):
    id = fields.IntField(primary_key=True)
"""


class Application:
    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models("telemetry_models", ["telemetry_models"])]

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [Send, Clean, Letters]

    @hookimpl
    def actionhero_channels(self) -> Sequence[type[Channel]]:
        return [News]


class Samples:
    """The numbers of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def get(self, name: str, **labels: str) -> float | None:
        return self.values.get((name, frozenset(labels.items())))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """The metrics of an application, after some of everything."""
    folder = tmp_path_factory.mktemp("telemetry")
    (folder / "telemetry_models.py").write_text(MODELS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return asyncio.run(read_metrics(folder))


async def read_metrics(folder: Path) -> Samples:
    """Run an application, and return its metrics."""
    async with running_app(
        *PLUGINS,
        Application(),
        settings=[
            WebSettings(port=0),
            TelemetrySettings(route="/metrics"),
            LimitsSettings(enabled=True),
            TasksSettings(run_in_server=True),
        ],
        environ={"ACTIONHERO_REDIS__MODE": "memory"},
        mode=RunMode.SERVER,
        folder=folder,
    ) as app:
        return await use_everything(app)


async def use_everything(app: RunningApp) -> Samples:
    """Use each package once, and return the metrics."""
    web: Any = next(server for server in app.app.servers if server.name == "web")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{web.port}") as client:
        subscriber = RecordingSubscriber()
        await app.get(Channels).subscribe(subscriber, "news:1", session=Session())
        statuses = []
        for _ in range(3):
            async with client.post("/api/send") as response:
                statuses.append(response.status)
        assert statuses == [200, 200, 429]
        for path, status in (("letters", 200), ("unknown", 404)):
            async with client.get(f"/api/{path}") as response:
                await response.read()
                assert response.status == status
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        writer.write(b"NOT HTTP\r\n\r\n")
        await reader.read()
        writer.close()
        job = await app.get(Tasks).enqueue(Send, queue="mail")
        await app.get(Tasks).wait(job, timedelta(seconds=20))
        async with client.ws_connect("/ws") as socket:
            await socket.send_json({"messageType": "action", "messageId": 1, "action": "send"})
            await socket.receive_json()
        series_dropped.add(0, instrument="x")
        scrape_errors.add(0, instrument="x")
        async with asyncio.timeout(20), client.ws_connect("/ws"):
            while True:
                async with client.get("/metrics") as response:
                    found = Samples(await response.text())
                if found.get("actionhero_schedule_delay_seconds_count", action="clean"):
                    return found
                await asyncio.sleep(0.1)


def test_each_metric_exists(samples: Samples) -> None:
    assert {family.name for family in samples.families} >= NAMES
    own = {family.name for family in samples.families if family.name.startswith("actionhero")}
    assert own <= NAMES


def test_metrics_of_the_http_server(samples: Samples) -> None:
    request = {"http_request_method": "POST", "http_route": "/api/send", "url_scheme": "http"}
    name = "http_server_request_duration_seconds_count"

    assert samples.get(name, **request, http_response_status_code="200") == 2
    assert samples.get(name, **request, http_response_status_code="429") == 1
    assert (samples.get("actionhero_http_connections") or 0) >= 1
    assert (samples.get("actionhero_http_refused_total", reason="unparsable") or 0) >= 1


def test_metrics_of_sockets_and_channels(samples: Samples) -> None:
    assert samples.get("actionhero_websocket_connections") == 1
    assert samples.get("actionhero_websocket_messages_total", direction="received") == 1
    assert samples.get("actionhero_websocket_messages_total", direction="sent") == 1
    assert samples.get("actionhero_websocket_closed_total", code="1000") == 1
    assert samples.get("actionhero_channel_subscribers", channel="news:{id}") == 1
    assert (samples.get("actionhero_channel_broadcasts_total", channel="news:{id}") or 0) >= 2


def test_metrics_of_jobs(samples: Samples) -> None:
    mail = {"action": "send", "queue": "mail"}

    assert samples.get("actionhero_job_enqueued_total", **mail) == 1
    assert samples.get("actionhero_job_duration_seconds_count", **mail, outcome="done") == 1
    assert samples.get("actionhero_job_wait_seconds_count", queue="mail") == 1
    assert samples.get("actionhero_jobs", queue="mail", state="ready") == 0
    assert samples.get("actionhero_job_oldest_seconds", queue="mail") == 0
    assert samples.get("actionhero_job_workers") == 1


def test_metrics_of_limits_and_stores(samples: Samples) -> None:
    checks = "actionhero_limit_checks_total"
    limits = {dict(labels)["limit"] for name, labels in samples.values if name == checks}
    assert len(limits) == 1
    name = limits.pop()

    assert samples.get(checks, limit=name, result="allowed") == 2
    assert (samples.get(checks, limit=name, result="refused") or 0) >= 1
    for store in ("db", "redis"):
        states = [
            samples.get(f"actionhero_{store}_connections", state=state)
            for state in ("used", "idle")
        ]
        assert None not in states
        assert sum(state or 0 for state in states) >= 1


def named_metrics(expression: str) -> set[str]:
    """Return the metrics that an expression of Prometheus reads."""
    without_labels = re.sub(r"\{[^}]*\}|\"[^\"]*\"|by \([^)]*\)", "", expression)
    return {
        re.sub(r"_(total|bucket|sum|count)$", "", name)
        for name in re.findall(r"\b(?:actionhero|http_server|process)_\w+", without_labels)
    }


def expressions() -> list[str]:
    """Return the expressions of the dashboard and of the alert rules."""
    folder = files("actionhero_telemetry")
    dashboard = json.loads((folder / "dashboards" / "actionhero.json").read_text("utf-8"))
    rules = yaml.safe_load((folder / "alerts.yml").read_text("utf-8"))
    return [
        *(t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", ())),
        *(variable["query"]["query"] for variable in dashboard["templating"]["list"][1:]),
        *(rule["expr"] for group in rules["groups"] for rule in group["rules"]),
    ]


def test_the_dashboard_and_the_alerts_name_metrics_that_exist(samples: Samples) -> None:
    exposed = {family.name for family in samples.families}
    named = set().union(*map(named_metrics, expressions()))

    assert named <= exposed
    # Each metric is on the dashboard, but for the size of the address space.
    assert NAMES - named == {"process_virtual_memory_bytes"}


def test_the_alert_of_failing_actions_names_all_errors_of_the_server() -> None:
    """Those that a call can have, time limits, and responses with 5xx."""
    text = (files("actionhero_telemetry") / "alerts.yml").read_text("utf-8")
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    [expression] = [r["expr"] for r in rules if r["alert"] == "ActionHeroActionFailing"]
    [pattern] = re.findall(r'outcome=~"(.+?)"', expression)

    expected = {type_ for type_ in ErrorType if type_.is_server_error} | {ErrorType.ACTION_TIMEOUT}
    assert {type_ for type_ in ErrorType if re.fullmatch(pattern, type_.value)} == {
        type_ for type_ in expected if type_.value.startswith("CONNECTION_")
    }
    assert re.fullmatch(pattern, "status 503")
    assert not re.fullmatch(pattern, "status 404")


def test_prometheus_accepts_metrics_and_alert_rules(samples: Samples, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool of the Debian package prometheus is not installed")
    rules = tmp_path / "alerts.yml"
    rules.write_text((files("actionhero_telemetry") / "alerts.yml").read_text("utf-8"))

    for arguments, text in ((["metrics"], samples.text), (["rules", str(rules)], "")):
        check = subprocess.run(
            ["promtool", "check", *arguments],
            input=text,
            text=True,
            capture_output=True,
            check=False,
        )
        assert check.returncode == 0, check.stdout + check.stderr


#: The values of series, each quarter of a minute, by their names and labels.
SERIES = {
    'actionhero_info{job="shop"}': "1x60",
    (
        'actionhero_call_duration_seconds_count{job="shop",action="order",transport="websocket",'
        'outcome="CONNECTION_SERVICE_UNAVAILABLE"}'
    ): "0+1x60",
    'actionhero_job_duration_seconds_count{job="shop",queue="mail",outcome="dead"}': "_x20 1x40",
    'actionhero_jobs{job="shop",queue="mail",state="dead"}': "0x20 1x40",
    'process_open_fds{job="shop",instance="a"}': "900x60",
    'process_max_fds{job="shop",instance="a"}': "1024x60",
}


@pytest.mark.parametrize(
    ("alert", "labels"),
    [
        ("ActionHeroDown", None),
        ("ActionHeroActionFailing", {"job": "shop", "action": "order"}),
        ("ActionHeroDeadJobs", {"job": "shop", "queue": "mail"}),
        ("ActionHeroFileDescriptors", {"job": "shop", "instance": "a"}),
    ],
)
def test_alerts_fire_at_the_first_event(
    tmp_path: Path, alert: str, labels: dict[str, str] | None
) -> None:
    """A dead job, whose series has begun with it, or calls over WebSocket during an outage."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool of the Debian package prometheus is not installed")
    rules = yaml.safe_load((files("actionhero_telemetry") / "alerts.yml").read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        rule.pop("annotations")
    (tmp_path / "alerts.yml").write_text(json.dumps(rules))
    expected = [] if labels is None else [{"exp_labels": {"severity": "warning", **labels}}]
    test = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": text} for name, text in SERIES.items()],
                "alert_rule_test": [
                    {"eval_time": "10m", "alertname": alert, "exp_alerts": expected}
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test))

    check = subprocess.run(
        ["promtool", "test", "rules", "test.yml"],
        cwd=tmp_path, text=True, capture_output=True, check=False,
    )  # fmt: skip

    assert check.returncode == 0, check.stdout + check.stderr


def test_expressions_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool of the Debian package prometheus is not installed")
    texts = [
        re.sub(r"\$__\w+", "5m", text.replace("$job", ".*"))
        for text in expressions()
        if not text.startswith("label_values")
    ]
    rules = [{"record": f"r:{number}", "expr": text} for number, text in enumerate(texts)]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    check = subprocess.run(
        ["promtool", "check", "rules", str(path)], text=True, capture_output=True, check=False
    )

    assert check.returncode == 0, check.stdout + check.stderr
