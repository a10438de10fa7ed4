"""The messages about addresses and services that cannot be used at the start."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from tests.mistakes.application import Mistake, application, load, normalized

from actionhero import BootError
from actionhero_db import plugin as db_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from pathlib import Path

FAILING = """
class Mail(Initializer):
    name = "mail"

    async def start(self, app):
        raise OSError("no route to host")
"""


async def failure(
    folder: Path, plugin: Any, *, source: str = "", environ: dict[str, str] | None = None
) -> str:
    """Start an application that fails, and return the message."""
    mistake = Mistake("a start", source, "", environ=environ or {})
    with application(mistake, folder) as package:
        with pytest.raises(BootError) as raised:
            await load(mistake, package, folder, (plugin,)).start()
        return normalized(str(raised.value), folder, package)


async def test_a_port_in_use(tmp_path: Path) -> None:
    """The message names the options that choose another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        message = await failure(tmp_path, web_plugin, environ={"ACTIONHERO_WEB__PORT": port})

    assert message.replace(port, "8080") == (
        "cannot listen on web.port 8080 of 127.0.0.1: Address already in use; stop the process on "
        "that port, or choose another with --port, ACTIONHERO_WEB__PORT or PORT"
    )


async def test_an_address_of_another_machine(tmp_path: Path) -> None:
    """The address is reserved for documentation (RFC 5737)."""
    environ = {"ACTIONHERO_WEB__HOST": "192.0.2.1", "ACTIONHERO_WEB__PORT": "0"}

    assert await failure(tmp_path, web_plugin, environ=environ) == (
        "cannot listen on web.host '192.0.2.1': Cannot assign requested address; choose an address "
        "of this machine with --host or ACTIONHERO_WEB__HOST"
    )


async def test_redis_that_does_not_run(tmp_path: Path) -> None:
    """The message names the ways out."""
    environ = {"REDIS_URL": "redis://127.0.0.1:1/0"}

    message = await failure(tmp_path, redis_plugin, environ=environ)

    assert message.startswith("redis at redis://127.0.0.1:1/0 cannot be used: ")
    assert message.endswith(
        "; start it, set REDIS_URL to another server, or set ACTIONHERO_REDIS__REQUIRED=false to "
        "start without it"
    )


async def test_an_address_of_a_database_without_a_scheme(tmp_path: Path) -> None:
    """The message shows the forms of addresses."""
    environ = {"DATABASE_URL": "localhost/guestbook"}

    assert await failure(tmp_path, db_plugin, environ=environ) == (
        "1 invalid setting:\n"
        "  DATABASE_URL: invalid value 'localhost/guestbook': its scheme is not supported; "
        "available: postgres://user@host:5432/name, sqlite:///path/to/file.sqlite3, "
        "mysql://user@host:3306/name"
    )


async def test_an_initializer_that_fails(tmp_path: Path) -> None:
    """The message names the class, the phase and the error."""
    assert await failure(tmp_path, web_plugin, source=FAILING) == (
        "initializer 'mail' (guestbook.Mail, application 'guestbook') failed to start: "
        "OSError: no route to host"
    )
