"""Four server processes with one Redis and a worker, behind nginx as documented."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.agents.test_oauth import Site
from tests.conftest import ROOT, Place, RunningCommand

from actionhero.testing import free_port
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 4
#: The part around the documented file, in a folder without rights of root.
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


class Cluster:
    """The processes of `tests/specimens/agency`.

    Args:
        place: Their folder.
        redis_url: Their Redis.
    """

    def __init__(self, place: Place, redis_url: str) -> None:
        specimens = ROOT / "tests" / "specimens"
        shutil.copy(specimens / "agency" / "actionhero.toml", place.folder)
        place.enabled = []
        self.place = place
        self.redis_url = redis_url
        self.proxy_port = free_port()
        self.issuer = f"http://127.0.0.1:{self.proxy_port}"
        self._environ = {
            "PYTHONPATH": os.fspath(specimens),
            "REDIS_URL": redis_url,
            "ACTIONHERO_OAUTH__ISSUER": self.issuer,
            "ACTIONHERO_APP__DATA_DIR": os.fspath(place.folder),
        }
        self.servers = dict[int, RunningCommand]()
        ports = set[int]()
        while len(ports) < COUNT:
            ports.add(free_port())
        for port in ports:
            self.start(port)
        self.worker = self._run("worker")
        for port, server in self.servers.items():
            server.wait_for(rf"listening on http://127\.0\.0\.1:{port}")
        self._proxy = self._start_proxy(place.folder)

    def _run(self, *arguments: str, **environ: str) -> RunningCommand:
        return self.place.start(*arguments, **self._environ, **environ)

    def start(self, port: int) -> RunningCommand:
        """Start a server."""
        self.servers[port] = self._run("start", ACTIONHERO_WEB__PORT=str(port))
        return self.servers[port]

    def kill(self, port: int) -> None:
        """Kill a server with SIGKILL, and forget it."""
        self.servers.pop(port).kill()

    def kill_worker(self) -> None:
        """Kill the process that runs jobs with SIGKILL; its parent starts another one."""
        parent = self.worker.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    def site(self, port: int | None = None) -> Site:
        """Return a server by its port, or nginx."""
        port = port or self.proxy_port
        return Site(cast("Any", None), self.issuer, f"http://127.0.0.1:{port}/mcp")

    def sites(self) -> list[Site]:
        """Return all servers."""
        return [self.site(port) for port in self.servers]

    def _start_proxy(self, folder: Path) -> subprocess.Popen[bytes]:
        program = shutil.which("nginx")
        if program is None:
            pytest.skip("nginx is not installed")
        text = (ROOT / "docs" / "deploy" / "nginx" / "guestbook.conf").read_text("utf-8")
        documented = re.findall(r"server 127\.0\.0\.1:\d+(.*;)\n", text)
        assert documented
        for options in documented[1:]:
            text = re.sub(rf"server 127\.0\.0\.1:\d+{re.escape(options)}\n", "", text, count=1)
        servers = "\n".join(f"server 127.0.0.1:{port}{documented[0]}" for port in self.servers)
        text = re.sub(rf"server 127\.0\.0\.1:\d+{re.escape(documented[0])}", servers, text)
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.proxy_port};")
        (folder / "guestbook.conf").write_text(text, encoding="utf-8")
        (folder / "nginx.conf").write_text(NGINX, encoding="utf-8")
        command = [program, "-p", os.fspath(folder), "-c", "nginx.conf", "-e", "stderr"]
        with (folder / "nginx.log").open("wb") as log:
            process = subprocess.Popen(command, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{self.issuer}/livez", timeout=5).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    process.wait()
                    pytest.fail((folder / "nginx.log").read_text("utf-8")[-2000:])
                time.sleep(0.02)
            else:
                return process

    def close(self) -> None:
        """End all processes."""
        self._proxy.terminate()
        self._proxy.wait(20)
        self.place.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start the processes, for all tests of a module."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "work").mkdir()
    with throw_away_redis() as redis:
        place = Place(folder / "work", folder / "site")
        try:
            cluster = Cluster(place, redis.url)
        except BaseException:
            place.close()
            raise
        yield cluster
        cluster.close()
