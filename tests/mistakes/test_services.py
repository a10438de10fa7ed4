"""The messages about addresses and services that cannot be used at the start."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.mistakes.application import Mistake, application, load, messages, normalized

from actionhero import BootError
from actionhero.app import App
from actionhero.settings import read_sources
from actionhero_db import plugin as db_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_tasks import plugin as tasks_plugin
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
    folder: Path, *plugins: Any, source: str = "", environ: dict[str, str] | None = None
) -> str:
    """Start an application that fails, and return the message."""
    mistake = Mistake("a start", source, "", environ=environ or {})
    with application(mistake, folder) as package:
        with pytest.raises(BootError) as raised:
            await load(mistake, package, folder, plugins).start()
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


BOOK = """
from tortoise import fields
from tortoise.models import Model


class Base(Model):
    class Meta:
        abstract = True


class Book(Base):
    id = fields.IntField(primary_key=True)
"""


@pytest.mark.parametrize(
    ("source", "files", "message"),
    [
        (
            BOOK,
            {},
            "model 'Book' (guestbook.py) is not in a module 'models', so it has no table; move "
            "it to the module guestbook.models",
        ),
        (
            "from . import shelf",
            {"guestbook/shelf.py": BOOK},
            "model 'Book' (guestbook/shelf.py) is not in a module 'models', so it has no table; "
            "move it to the module guestbook.models",
        ),
        ("", {"guestbook/models.py": BOOK}, ""),
        (
            "",
            {"guestbook/models.py": "from .shelf import Book\n", "guestbook/shelf.py": BOOK},
            "",
        ),
    ],
    ids=["package", "another-module", "models", "imported-by-models"],
)
def test_a_model_outside_of_the_modules_of_models(
    source: str, files: dict[str, str], message: str, tmp_path: Path
) -> None:
    """Its first query would fail: it has no connection and no table."""
    mistake = Mistake("a model", source, message, files=files)

    assert messages(mistake, tmp_path, (db_plugin,)).partition(" (reported")[0] == message


def test_a_model_in_an_application_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file cannot have a module `models`: the remedy is a folder."""
    (tmp_path / "onefile.py").write_text(BOOK, "utf-8")
    monkeypatch.setattr(sys, "path", sys.path[:])
    environ = {"ACTIONHERO_ENV": "test", "ACTIONHERO_APP__PACKAGE": "onefile"}

    app = App.from_plugins((db_plugin,), read_sources(tmp_path, environ=environ))
    monkeypatch.delitem(sys.modules, "onefile")

    [problem] = app.problems
    assert "; make 'onefile' a folder, and move it to the module onefile.models (" in problem


async def test_a_job_store_that_does_not_respond(tmp_path: Path) -> None:
    """The message names the variable of its URL."""
    environ = {"DATABASE_URL": "postgres://localhost:1/none", "ACTIONHERO_TASKS__STORE": "postgres"}

    message = await failure(tmp_path, tasks_plugin, db_plugin, environ=environ)

    assert message.startswith("cannot use the job store: PostgreSQL: ")
    assert message.endswith("; start it, or set DATABASE_URL to another server")
