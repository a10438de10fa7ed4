"""Tests of the deployment files: they are valid, and their commands start, serve and stop."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import yaml
from tests.docs.conftest import DOCS, UV, blocks_of, write_overrides

from actionhero.health import CHECK_SECONDS
from actionhero.process.serving import SHUTDOWN_MARGIN_SECONDS
from actionhero.settings import CORE_SETTINGS, ProcessSettings, settings_reference
from actionhero.testing import free_port
from actionhero_db.settings import DbSettings
from actionhero_db.testing import throw_away_postgres
from actionhero_redis.settings import RedisSettings
from actionhero_redis.testing import throw_away_redis
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPLOY = DOCS / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DOCKERFILE = DEPLOY / "containers" / "Dockerfile"
COMPOSE = DEPLOY / "containers" / "compose.yaml"
MANIFESTS = DEPLOY / "kubernetes" / "guestbook.yaml"
GUESTBOOK = DOCS / "tutorial" / "guestbook" / "4-nightly"
#: The timeout of commands and events.
TIMEOUT_SECONDS = 60.0
#: An endless stream, which is added to the guest book.
TICKS = '''
import asyncio
from collections.abc import AsyncIterator

from actionhero import Action


class Ticks(Action):
    """Yield one item and never end."""

    name = "ticks"
    web = "GET /ticks"

    async def run(self) -> AsyncIterator[str]:
        yield "tick"
        await asyncio.Event().wait()
'''
NGINX = """
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include guestbook.conf;
}
"""


def python_program(name: str) -> str:
    """Return the path of a program of an installed Python package."""
    return str(Path(sys.executable).parent / name)


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program, and return its exit code and output."""
    return subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        **options,
    )


@pytest.mark.parametrize("guide", sorted(DEPLOY.glob("*.md")), ids=lambda guide: guide.stem)
def test_guide_shows_its_files(guide: Path) -> None:
    """The blocks of a guide are the files in its folder, which the other tests check."""
    folder = DEPLOY / guide.stem

    blocks = {block.title: block.text for block in blocks_of(guide) if block.title}

    assert blocks == {path.name: path.read_text("utf-8") for path in folder.iterdir()}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_unit(unit: Path, tmp_path: Path, program: Callable[[str], str]) -> None:
    """All keys are known to systemd, and the program exists."""
    text = unit.read_text("utf-8").replace(
        "/srv/guestbook/.venv/bin", str(Path(sys.executable).parent)
    )
    (tmp_path / unit.name).write_text(text, encoding="utf-8")

    result = run(program("systemd-analyze"), "verify", "--man=no", tmp_path / unit.name)

    assert (result.returncode, result.stdout) == (0, "")


def test_systemd_accepts_unit_with_unix_socket(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    """The folder of the socket is created, as the file system is read-only."""
    programs = str(Path(sys.executable).parent)
    dropin = tmp_path / "guestbook-web@.service.d" / "unix-socket.conf"
    dropin.parent.mkdir()
    for source, target in (
        (DEPLOY / "systemd" / "guestbook-web@.service", tmp_path / "guestbook-web@.service"),
        (DEPLOY / "nginx" / "unix-socket.conf", dropin),
    ):
        text = source.read_text("utf-8").replace("/srv/guestbook/.venv/bin", programs)
        target.write_text(text, encoding="utf-8")
    settings = dropin.read_text("utf-8")

    result = run(
        program("systemd-analyze"),
        "verify",
        "--man=no",
        tmp_path / "guestbook-web@8080.service",
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )

    assert (result.returncode, result.stdout) == (0, "")
    [folder] = re.findall(r"^RuntimeDirectory=(.+)$", settings, re.MULTILINE)
    assert settings.count(f"--unix-socket /run/{folder}/web.sock") == 2


def test_hadolint_accepts_dockerfile() -> None:
    """hadolint checks the rules of Docker's guide."""
    result = run(python_program("hadolint"), "--no-color", DOCKERFILE)

    assert (result.returncode, result.stdout) == (0, "")


def test_compose_file_and_manifests_match_their_schemas() -> None:
    """All keys and their values are valid."""
    schema = ("--builtin-schema", "vendor.compose-spec", COMPOSE)
    compose = run(python_program("check-jsonschema"), *schema)
    manifests = run(python_program("kubernetes-validate"), "--strict", MANIFESTS)

    assert compose.returncode == 0, compose.stdout
    assert manifests.returncode == 0, manifests.stdout


def variables() -> dict[str, dict[str, str]]:
    """Return the environment variables of each file."""
    lines = (DEPLOY / "systemd" / "guestbook.env").read_text("utf-8").splitlines()
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    return {
        "guestbook.env": dict(line.split("=", 1) for line in lines),
        "compose.yaml": services["web"]["environment"],
        "Dockerfile": dict(
            re.findall(r"(ACTIONHERO_\w+)=(\S+)", DOCKERFILE.read_text("utf-8")),
        ),
    }


@pytest.mark.parametrize("name", ["guestbook.env", "compose.yaml", "Dockerfile"])
def test_variables_of_a_file_are_settings(name: str) -> None:
    """Each variable is the name of a setting."""
    rows = settings_reference([*CORE_SETTINGS, DbSettings, RedisSettings, WebSettings])
    known = {"ACTIONHERO_ENV", "DATABASE_URL", "REDIS_URL"}
    known |= {f"ACTIONHERO_{row.section}__{row.key}".upper() for row in rows}

    assert set(variables()[name]) <= known


def test_grace_periods_are_longer_than_a_shutdown() -> None:
    """Nothing kills a process before its shutdown has ended, with the default settings."""
    limit = ProcessSettings().shutdown_timeout.total_seconds() + SHUTDOWN_MARGIN_SECONDS
    periods = {
        unit.stem: float(re.findall(r"^TimeoutStopSec=(\d+)$", unit.read_text("utf-8"), re.M)[0])
        for unit in UNITS
    }
    compose = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    for name, service in compose.items():
        if service["image"] == "guestbook":
            periods[f"compose.yaml {name}"] = float(service["stop_grace_period"].removesuffix("s"))
    for manifest in deployments():
        pod = manifest["spec"]["template"]["spec"]
        [container] = pod["containers"]
        delay = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        # The grace period includes the time of `preStop`.
        waited = float(delay[1]) if delay else 0.0
        periods[f"guestbook.yaml {manifest['metadata']['name']}"] = (
            pod["terminationGracePeriodSeconds"] - waited
        )

    assert len(periods) == len(UNITS) + 4 + 2
    assert {name for name, seconds in periods.items() if seconds <= limit} == set()


def test_probes_of_kubernetes_reach_endpoints_within_their_timeouts() -> None:
    """The probes use the paths and ports of the health endpoints, whose checks are limited."""
    for manifest in deployments():
        [container] = manifest["spec"]["template"]["spec"]["containers"]
        live, ready = container["livenessProbe"], container["readinessProbe"]
        # A slow start is not taken for a process that hangs.
        assert container["startupProbe"]["httpGet"] == live["httpGet"]
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        port = ready["httpGet"]["port"]

        assert (live["httpGet"]["path"], ready["httpGet"]["path"]) == ("/livez", "/readyz")
        assert live["httpGet"]["port"] == port
        assert ports.get(port) == WebSettings().port or f"0.0.0.0:{port}" in container["args"], (
            manifest["metadata"]["name"]
        )
        # A slow dependency is reported by the response, not by a timeout of the probe.
        assert ready["timeoutSeconds"] > CHECK_SECONDS


def test_servers_trust_their_proxy_only() -> None:
    """Each deployment names the proxy, so that clients have their own address."""
    [web] = [each for each in deployments() if each["metadata"]["name"] == "guestbook-web"]
    environ = {
        item["name"]: item["value"]
        for item in web["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    compose = yaml.safe_load(COMPOSE.read_text("utf-8"))
    [network] = compose["networks"]["default"]["ipam"]["config"]

    name = "ACTIONHERO_WEB__TRUSTED_PROXIES"
    assert variables()["guestbook.env"][name] == "127.0.0.1"
    assert variables()["compose.yaml"][name] == network["gateway"]
    assert ip_network(environ[name]).is_private
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])
    # Other machines cannot reach the published port, and claim to be the proxy.
    assert compose["services"]["web"]["ports"] == ["127.0.0.1:8080:8080"]


def test_containers_have_no_privileges_and_read_only_root() -> None:
    """The user is not root; the data folder and /tmp are the only folders that can be written."""
    dockerfile = DOCKERFILE.read_text("utf-8")
    [uid] = re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)
    data = variables()["Dockerfile"]["ACTIONHERO_APP__DATA_DIR"]

    assert uid != "0"
    assert f"--uid {uid} " in dockerfile
    assert f" install -d -m 700 -o {uid} {data}\n" in dockerfile
    for service in yaml.safe_load(COMPOSE.read_text("utf-8"))["services"].values():
        if service["image"] == "guestbook":
            assert service["read_only"] is True
            assert service["init"] is True
            assert service["tmpfs"] == ["/tmp", f"{data}:uid={uid}"]
            assert service["cap_drop"] == ["ALL"]
    for manifest in [*deployments(), *manifests("Job")]:
        [container] = manifest["spec"]["template"]["spec"]["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == {data, "/tmp"}


def manifests(kind: str) -> list[dict[str, Any]]:
    """Return the manifests of one kind."""
    documents = yaml.safe_load_all(MANIFESTS.read_text("utf-8"))
    return [document for document in documents if document["kind"] == kind]


def deployments() -> list[dict[str, Any]]:
    """Return the manifests of server and worker."""
    return manifests("Deployment")


def all_commands() -> dict[str, tuple[str, ...]]:
    """Return the commands of each file, without the program."""
    commands = {
        unit.stem: shlex.split(line)[1:]
        for unit in UNITS
        for line in re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    }
    commands["Dockerfile"] = json.loads(
        re.findall(r"^CMD (.*)$", DOCKERFILE.read_text("utf-8"), re.M)[0]
    )
    for name, service in yaml.safe_load(COMPOSE.read_text("utf-8"))["services"].items():
        if service["image"] == "guestbook":
            commands[f"compose.yaml {name}"] = service["command"]
    for manifest in [*deployments(), *manifests("Job")]:
        [container] = manifest["spec"]["template"]["spec"]["containers"]
        commands[f"guestbook.yaml {manifest['metadata']['name']}"] = container["args"]
    return {name: tuple(command) for name, command in commands.items()}


COMMANDS = all_commands()
SERVICES = {command for command in COMMANDS.values() if command[0] != "db"}


class Site:
    """The guest book in the layout of the Dockerfile, with PostgreSQL and Redis.

    Args:
        folder: An empty folder.
        wheels: The folder of the built packages.
        database: The URL of an empty database.
        redis: The URL of a Redis server.
    """

    def __init__(self, folder: Path, wheels: Path, database: str, redis: str) -> None:
        self.folder = folder / "guestbook"
        self.folder.mkdir()
        self.port = free_port()
        self._python = self.folder / ".venv" / "bin" / "python"
        self.environ = {
            **variables()["guestbook.env"],
            "PATH": os.pathsep.join([str(self._python.parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "ACTIONHERO_APP__SECRET_KEY": secrets.token_hex(32),
            "ACTIONHERO_WEB__ALLOWED_HOSTS": "*",
            "ACTIONHERO_APP__DATA_DIR": str(folder / "data"),
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "PORT": str(self.port),
        }
        self._install(wheels)
        for name in re.findall(r"^COPY (\w\S*) ", DOCKERFILE.read_text("utf-8"), re.MULTILINE):
            source = GUESTBOOK / name
            if source.is_dir():
                shutil.copytree(source, self.folder / name)
            elif source.exists():
                shutil.copy(source, self.folder)
        (self.folder / "guestbook" / "ticks.py").write_text(TICKS, encoding="utf-8")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program with the environment of the guest book."""
        return run(*command, cwd=self.folder, env=self.environ)

    def start(self, command: tuple[str, ...], log: Path) -> subprocess.Popen[bytes]:
        """Start an `actionhero` command, with the loopback address and a free port."""
        arguments = [part.replace("0.0.0.0", "127.0.0.1") for part in command]
        arguments = [part.replace(":8081", f":{free_port()}") for part in arguments]
        arguments = [part.replace("%i", str(self.port)) for part in arguments]
        with log.open("wb") as output:
            return subprocess.Popen(
                [self._python.parent / "actionhero", *arguments],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _install(self, wheels: Path) -> None:
        assert UV is not None
        requirements = DOCKERFILE.parent / "requirements.txt"
        packages = write_overrides(self.folder.parent, wheels)
        for arguments in (
            ["venv", "--python", sys.executable, str(self.folder / ".venv")],
            ["pip", "install", "--constraints", str(packages), "-r", str(requirements)],
        ):
            python = ("--python", str(self._python)) if arguments[0] == "pip" else ()
            subprocess.run([UV, *arguments, *python, "--quiet", "--no-config"], check=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, wheel_folder: Path) -> Iterator[Site]:
    """Return a guest book, with its database migrated by the command of the compose file."""
    if UV is None:
        pytest.skip("the program 'uv' is not on PATH")
    with ExitStack() as stack:
        postgres = stack.enter_context(throw_away_postgres())
        redis = stack.enter_context(throw_away_redis())
        folder = tmp_path_factory.mktemp("site")
        site = Site(folder, wheel_folder, postgres.new_database(), redis.url)
        migrated = site.run("actionhero", *COMMANDS["compose.yaml migrate"])
        assert "guestbook.0001_initial: done" in migrated.stdout, migrated.stdout
        yield site


def wait_for(pattern: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the log of a process contains a pattern."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not re.search(pattern, log.read_text("utf-8")):
        alive = process.poll() is None and time.monotonic() < deadline
        assert alive, f"{pattern!r} is not in the log:\n{log.read_text('utf-8')}"
        time.sleep(0.02)


@pytest.mark.parametrize("command", sorted(SERVICES), ids=" ".join)
def test_commands_run_in_production_until_sigterm(
    site: Site, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """All settings are from the environment, as in the files."""
    log = tmp_path / "log"
    process = site.start(command, log)
    try:
        wait_for(
            {"start": "listening on", "worker": "running jobs"}.get(command[0], "scheduling"),
            log,
            process,
        )
        if command == COMMANDS["Dockerfile"]:
            [check] = re.findall(
                r"CMD (\[\"python.*)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE
            )
            arguments = [part.replace("8080", str(site.port)) for part in json.loads(check)]
            healthy = site.run(*arguments)
            assert healthy.returncode == 0, healthy.stdout
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(TIMEOUT_SECONDS)

    assert code == 0, log.read_text("utf-8")


class Nginx:
    """nginx with the documented configuration, in front of a running server."""

    def __init__(self, path: str, folder: Path, upstream: int) -> None:
        self.port = free_port()
        text = (DEPLOY / "nginx" / "guestbook.conf").read_text("utf-8")
        text = text.replace("server 127.0.0.1:8080 ", f"server 127.0.0.1:{upstream} ")
        # The other one is not available.
        text = text.replace("server 127.0.0.1:8081 ", f"server 127.0.0.1:{free_port()} ")
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        (folder / "guestbook.conf").write_text(text, encoding="utf-8")
        (folder / "nginx.conf").write_text(NGINX, encoding="utf-8")
        self.command = [path, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
        self.log = folder / "nginx.log"

    def start(self) -> subprocess.Popen[bytes]:
        """Start nginx, and wait until it accepts connections."""
        with self.log.open("wb") as output:
            process = subprocess.Popen(self.command, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while run("curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{self.port}/").returncode:
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, self.log.read_text("utf-8")
        return process


@pytest.fixture
def proxied(
    site: Site, tmp_path: Path, program: Callable[[str], str]
) -> Iterator[tuple[str, Path, subprocess.Popen[bytes]]]:
    """Return the URL of nginx, and the log and the process of the guest book behind it."""
    nginx = Nginx(program("nginx"), tmp_path, site.port)
    syntax = run(*nginx.command, "-t")
    assert syntax.returncode == 0, syntax.stdout
    assert "warn" not in syntax.stdout
    log = tmp_path / "log"
    server = site.start(COMMANDS["Dockerfile"], log)
    proxy = None
    try:
        wait_for("listening on", log, server)
        proxy = nginx.start()
        yield f"http://127.0.0.1:{nginx.port}", log, server
    finally:
        for process in (proxy, server):
            if process is not None:
                process.terminate()
                process.wait(TIMEOUT_SECONDS)


async def test_nginx_forwards_addresses_websockets_and_streams(
    proxied: tuple[str, Path, subprocess.Popen[bytes]],
) -> None:
    """Client addresses, WebSockets, close code 1001 and unbuffered events pass through nginx."""
    url, log, server = proxied
    # A client with an address other than nginx, that sends a forged one.
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Request-Id": "forged", "Origin": url}
    async with (
        asyncio.timeout(TIMEOUT_SECONDS),
        aiohttp.ClientSession(url, connector=connector, headers=headers) as client,
        client.ws_connect("/ws") as socket,
        client.get("/api/ticks") as ticks,
    ):
        await socket.send_json({"messageType": "subscribe", "messageId": 1, "channel": "entries"})
        while "subscribed" not in await socket.receive_json():
            pass
        async with client.post("/api/entries", json={"name": "Ada", "text": "Hi"}) as response:
            assert response.status == 201
            assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-Id"])
        while (broadcast := await socket.receive_json())["message"]["sender"] == "presence":
            pass
        assert broadcast["message"]["message"]["text"] == "Hi"
        # The response never ends.
        assert await ticks.content.readline() == b"data: tick\n"

        server.terminate()
        close = await socket.receive()
        assert (close.type, close.data) == (aiohttp.WSMsgType.CLOSE, 1001)

    assert server.wait(TIMEOUT_SECONDS) == 0
    calls = [json.loads(line) for line in log.read_text("utf-8").splitlines() if '"call"' in line]
    assert {"ticks", "guestbook:sign"} <= {call["action"] for call in calls}
    assert {call["remote"] for call in calls} == {"127.0.0.2"}
