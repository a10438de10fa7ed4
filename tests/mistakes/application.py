"""Applications from source text, with the mistakes of a beginner."""

from __future__ import annotations

import itertools
import re
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actionhero import RunMode
from actionhero.app import App
from actionhero.errors import BootError
from actionhero.settings import read_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_numbers = itertools.count(1)

#: The name of the application in expected messages.
PACKAGE = "guestbook"

#: The imports of every module.
HEADING = """\
import asyncio
from datetime import date, timedelta
from typing import Any
from actionhero import *
from actionhero_channels import Channel
from actionhero_limits import Limit
from actionhero_tasks import Task
from actionhero_web import Route
"""

RUN = "    async def run(self, call: Call) -> str:\n        return 'Hello!'\n"


@dataclass(frozen=True)
class Mistake:
    """A mistake, and the message that it gets."""

    #: The mistake, as the name of a test.
    title: str
    #: The module that a beginner writes, after the imports of `HEADING`.
    source: str
    #: The exact message, with `guestbook.py` in place of the file and line of the module.
    message: str
    #: Further files of the application, by their paths.
    files: Mapping[str, str] = field(default_factory=dict)
    #: Environment variables.
    environ: Mapping[str, str] = field(default_factory=dict)
    #: Whether it is a warning, and the application starts.
    starts: bool = False


def greet(attribute: str = "", run: str = RUN) -> str:
    """Return an action with another attribute or another `run`."""
    line = f"    {attribute}\n" if attribute else ""
    return f"class Greet(Action):\n    name = 'greet'\n{line}{run}"


def run(signature: str, body: str = "return 'Hello!'", attribute: str = "") -> str:
    """Return an action with a `run` of its own."""
    return greet(attribute, run=f"    {signature}\n        {body}\n")


@contextmanager
def application(mistake: Mistake, folder: Path) -> Iterator[str]:
    """Write the application of a mistake, and forget its modules afterwards.

    Yields:
        The name of its package, which differs between tests: Python imports a module once.
    """
    package = f"{PACKAGE}{next(_numbers)}"
    module = folder / package / "__init__.py"
    module.parent.mkdir()
    module.write_text(HEADING + textwrap.dedent(mistake.source), "utf-8")
    for name, text in mistake.files.items():
        path = folder / name.replace(PACKAGE, package)
        path.write_text(text, "utf-8")
    before = sys.path[:]
    try:
        yield package
    finally:
        sys.path[:] = before
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]


def load(
    mistake: Mistake,
    package: str,
    folder: Path,
    plugins: tuple[Any, ...],
    mode: RunMode = RunMode.SERVER,
) -> App:
    """Load an application, without starting it."""
    environ = {"ACTIONHERO_ENV": "test", "ACTIONHERO_APP__PACKAGE": package, **mistake.environ}
    return App.from_plugins(plugins, read_sources(folder, environ=environ), mode)


def messages(mistake: Mistake, folder: Path, plugins: tuple[Any, ...]) -> str:
    """Return the messages about a mistake, from loading its application."""
    with application(mistake, folder) as package:
        try:
            app = load(mistake, package, folder, plugins)
        except BootError as error:
            return normalized(str(error), folder, package)
        found = app.warnings if mistake.starts else app.problems
        assert not (mistake.starts and app.problems), app.problems
        return normalized("\n".join(found), folder, package)


def normalized(text: str, folder: Path, package: str) -> str:
    """Return a message without the folder, the line, and the number of the application."""
    text = text.replace(f"{folder}/", "").replace(package, PACKAGE)
    text = re.sub(rf"{PACKAGE}/__init__\.py(:\d+)?", f"{PACKAGE}.py", text)
    text = re.sub(r"on line \d+", "on line 1", text)
    return re.sub(r" at 0x[0-9a-f]+", "", text)
