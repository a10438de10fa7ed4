"""Tests of the metrics on the page about Kubernetes: an application serves them as described."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import yaml
from tests.docs.conftest import DOCS, blocks_of

from actionhero import RunMode
from actionhero.app import App
from actionhero.settings import read_sources, settings_reference
from actionhero.testing import free_port
from actionhero_telemetry import plugin as telemetry_plugin
from actionhero_telemetry.settings import TelemetrySettings
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PAGE = DOCS / "deploy" / "kubernetes.md"
FOLDER = DOCS / "deploy" / "kubernetes"
[LINES] = [
    yaml.safe_load(block.text)
    for block in blocks_of(PAGE)
    if block.language == "yaml" and block.title is None
]
MONITOR = yaml.safe_load((FOLDER / "pod-monitor.yaml").read_text("utf-8"))
DEPLOYMENTS = [
    document
    for document in yaml.safe_load_all((FOLDER / "guestbook.yaml").read_text("utf-8"))
    if document["kind"] == "Deployment"
]
#: The secret of the page.
SECRET = {"username": "prometheus", "password": "a:b"}


def environ(port: int) -> dict[str, str]:
    """Return the environment of a container with the lines of the page."""
    values = {}
    for variable in LINES["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        text = SECRET[reference["key"]] if reference else variable["value"]
        values[variable["name"]] = text.replace("0.0.0.0:9464", f"127.0.0.1:{port}")
    [container] = DEPLOYMENTS[0]["spec"]["template"]["spec"]["containers"]
    return values | {item["name"]: item["value"] for item in container["env"]}


@pytest.fixture
async def metrics_url(tmp_path: Path) -> AsyncIterator[str]:
    """Start an application in production, and return the URL of its metrics."""
    port = free_port()
    variables = environ(port) | {
        "ACTIONHERO_ENV": "production",
        "ACTIONHERO_APP__SECRET_KEY": "0" * 64,
        "ACTIONHERO_APP__DATA_DIR": str(tmp_path),
        "ACTIONHERO_WEB__PORT": "0",
    }
    sources = read_sources(tmp_path, environ=variables)
    app = App.from_plugins((web_plugin, telemetry_plugin), sources, RunMode.SERVER)
    await app.start()
    try:
        [endpoint] = MONITOR["spec"]["podMetricsEndpoints"]
        yield f"http://127.0.0.1:{port}{endpoint['path']}"
    finally:
        await app.stop()


async def test_metrics_require_the_credentials_of_the_secret(metrics_url: str) -> None:
    """Both scrape configurations send them."""
    authorization = aiohttp.encode_basic_auth(SECRET["username"], SECRET["password"])
    headers = {"Authorization": authorization}
    async with aiohttp.ClientSession() as client:
        async with client.get(metrics_url) as refused:
            assert refused.status == 401
        async with client.get(metrics_url, headers=headers) as response:
            assert response.status == 200
            assert "actionhero_info{" in await response.text()


def test_a_container_without_credentials_does_not_start(tmp_path: Path) -> None:
    """The reason for the secret."""
    variables = {
        "ACTIONHERO_ENV": "production",
        "ACTIONHERO_APP__SECRET_KEY": "0" * 64,
        "ACTIONHERO_TELEMETRY__LISTEN": LINES["env"][0]["value"],
    }
    sources = read_sources(tmp_path, environ=variables)

    app = App.from_plugins((web_plugin, telemetry_plugin), sources, RunMode.SERVER)

    assert any("ACTIONHERO_TELEMETRY__USERNAME" in problem for problem in app.problems)


def test_variables_are_settings() -> None:
    """Each variable is the name of a setting."""
    names = {
        f"ACTIONHERO_{row.section}__{row.key}".upper()
        for row in settings_reference([TelemetrySettings])
    }

    assert {variable["name"] for variable in LINES["env"]} <= names


def test_the_monitor_selects_all_pods_their_port_and_the_secret() -> None:
    """It names what the manifests contain."""
    [endpoint] = MONITOR["spec"]["podMetricsEndpoints"]
    [port] = LINES["ports"]
    references: dict[str, Any] = {
        item["valueFrom"]["secretKeyRef"]["key"]: item["valueFrom"]["secretKeyRef"]
        for item in LINES["env"]
        if "valueFrom" in item
    }

    assert endpoint["port"] == port["name"]
    assert LINES["env"][0]["value"].endswith(f":{port['containerPort']}")
    assert endpoint["basicAuth"] == references
    selector = MONITOR["spec"]["selector"]["matchLabels"].items()
    assert all(
        selector <= each["spec"]["template"]["metadata"]["labels"].items() for each in DEPLOYMENTS
    )


def test_prometheus_accepts_the_configuration(
    program: Callable[[str], str], tmp_path: Path
) -> None:
    """It selects pods by the label and the port of the manifests."""
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
    [scraping] = configuration["scrape_configs"]
    [discovery] = scraping.pop("kubernetes_sd_configs")
    # The Prometheus of Debian has no discovery in Kubernetes.
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")

    check = subprocess.run(
        [program("promtool"), "check", "config", "--syntax-only", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert check.returncode == 0, check.stdout + check.stderr
    assert discovery["role"] == "pod"
    app, port = scraping["relabel_configs"][0]["regex"].split(";")
    assert port == LINES["ports"][0]["name"]
    assert all(each["spec"]["template"]["metadata"]["labels"]["app"] == app for each in DEPLOYMENTS)
