"""The documented nginx in front of two servers."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from actionhero.testing import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent.parent
CONFIGURATION: Final = ROOT / "docs" / "deploy" / "nginx" / "guestbook.conf"
NGINX: Final = """
daemon off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
    log_format proxied '$request $status $upstream_addr $upstream_status';
    access_log access.log proxied;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include guestbook.conf;
}
"""
#: How long a start or a stop may take on a busy machine.
TIMEOUT_SECONDS: Final = 60.0


class Server:
    """One of the servers behind nginx.

    Args:
        folder: The folder of the application.
        redis: The URL of Redis.
    """

    def __init__(self, folder: Path, redis: str) -> None:
        self.port = free_port()
        self.log = folder / f"{self.port}.log"
        self._folder = folder
        self._environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
            "WRITES": str(folder / "writes"),
            "PORT": str(self.port),
            "REDIS_URL": redis,
            "ACTIONHERO_ENV": "production",
            "ACTIONHERO_APP__SECRET_KEY": "a" * 43,
            "ACTIONHERO_PLUGINS__ENABLED": "web,redis,channels,websocket",
            "ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1",
            "ACTIONHERO_WEB__STREAM_GRACE": "0.5",
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, **environ: str) -> None:
        """Start the server, and wait until it is ready, as `ExecStartPost` of the unit does.

        Args:
            environ: More environment variables.
        """
        process = self._process = self._open(environ)
        url = f"http://127.0.0.1:{self.port}/readyz"
        async with aiohttp.ClientSession() as client, asyncio.timeout(TIMEOUT_SECONDS):
            while not await self._is_ready(client, url):
                assert process.poll() is None, self.log.read_text("utf-8")
                await asyncio.sleep(0.05)

    def _open(self, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "actionhero", "--app", "visits", "start", "--workers", "2"],
                cwd=self._folder,
                env=self._environ | environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def _is_ready(self, client: aiohttp.ClientSession, url: str) -> bool:
        try:
            async with client.get(url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def stop(self) -> int:
        """Stop the server, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, TIMEOUT_SECONDS)

    def kill(self) -> None:
        """Kill the server, if it is still running."""
        if self._process is not None and self._process.poll() is None:
            # Its workers end with it.
            self._process.kill()
            self._process.wait()


class Site:
    """Two servers with the documented nginx in front of them.

    Args:
        folder: The folder of the application and of nginx.
        redis: The URL of Redis.
    """

    def __init__(self, folder: Path, redis: str) -> None:
        shutil.copy(ROOT / "tests" / "specimens" / "visits.py", folder)
        self.folder = folder
        self.servers = (Server(folder, redis), Server(folder, redis))
        self.port = 0

    @property
    def url(self) -> str:
        """The URL of nginx."""
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """Return the log of nginx about requests to a second server, and those that failed."""
        lines = (self.folder / "access.log").read_text("utf-8").splitlines()
        return "\n".join(line for line in lines if " 200 " not in line and " 101 " not in line)


@contextmanager
def documented_nginx(program: str, folder: Path, ports: tuple[int, int]) -> Iterator[int]:
    """Run nginx in front of two ports, and return its own.

    Args:
        program: The path of nginx.
        folder: Where it writes `access.log`, with a line for each request.
        ports: The ports of the servers; twice the same for a single server.
    """
    port = free_port()
    text = CONFIGURATION.read_text("utf-8")
    for documented, server in zip((8080, 8081), ports, strict=True):
        text = _replace(text, f"server 127.0.0.1:{documented} ", f"127.0.0.1:{server} ")
    text = _replace(text, "listen 80;", f"127.0.0.1:{port};")
    (folder / "guestbook.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(NGINX, encoding="utf-8")
    with (folder / "nginx.log").open("wb") as log:
        nginx = subprocess.Popen(
            [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"], stdout=log, stderr=log
        )
    try:
        yield port
    finally:
        nginx.terminate()
        nginx.wait()


def _replace(text: str, documented: str, address: str) -> str:
    """Replace an address in the documented configuration, which must contain it."""
    assert text.count(documented) == 1, f"{documented!r} is not in {CONFIGURATION}"
    return text.replace(documented, f"{documented.split()[0]} {address}")
