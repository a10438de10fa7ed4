"""One request through the stages: each module is entered once, in the documented order."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

import actionhero_web
import actionhero_web.plugin
from actionhero import Action, App, Inputs, RunMode, hookimpl
from actionhero.settings import read_sources
from actionhero_web import build_application

if TYPE_CHECKING:
    from types import FrameType

PACKAGE = Path(actionhero_web.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "request-lifecycle.md"
#: The modules of the stages, and the one that passes the request through them.
STAGES = ["dispatch", "request_handler", "decode", "encode", "write"]
BODY = b'{"name": "Ada", "text": "A nice view!"}'
REQUEST = (
    b"POST /api/entries HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
    b"Sec-Fetch-Site: same-origin\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


class EntryInputs(Inputs):
    name: str
    text: str


class AddEntry(Action):
    """Add an entry."""

    name = "entry:add"
    web = "POST /entries"

    async def run(self, inputs: EntryInputs) -> dict[str, str]:
        return {"name": inputs.name}


class Application:
    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [AddEntry]


class Transport(asyncio.Transport):
    """Stores what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.done = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += data
        self.done.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 50000) if name == "peername" else default

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        pass


class Visits:
    """Records each entry into a module of the package from another module."""

    def __init__(self) -> None:
        self.modules: list[str] = []

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        path = frame.f_code.co_filename
        caller = frame.f_back.f_code.co_filename if frame.f_back else ""
        if event == "call" and path.startswith(str(PACKAGE)) and path != caller:
            name = Path(path).relative_to(PACKAGE).with_suffix("").as_posix()
            self.modules.append(name.replace("/", "."))


async def test_a_request_enters_each_stage_once(tmp_path: Path) -> None:
    """The same modules in the same order as in the page on the lifecycle of a request."""
    app = App.from_plugins(
        [actionhero_web.plugin, Application()],
        read_sources(tmp_path, environ={"ACTIONHERO_ENV": "production"}),
        RunMode.SERVER,
    )
    app.lifecycle.disable_servers()
    await app.start()
    runner = web.AppRunner(build_application(app))
    await runner.setup()
    server: Any = runner.server
    protocol, transport, visits = server(), Transport(), Visits()
    protocol.connection_made(transport)

    sys.setprofile(visits)
    try:
        protocol.data_received(REQUEST)
        await transport.done.wait()
    finally:
        sys.setprofile(None)
        protocol.connection_lost(None)
        await runner.cleanup()
        await app.stop()

    assert transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert transport.written.endswith(b'{"name":"Ada"}')
    assert [name for name in visits.modules if name in STAGES] == STAGES
    # Later entries are those of objects that the stages pass on, such as the response.
    assert list(dict.fromkeys(visits.modules)) == documented_modules()


def documented_modules() -> list[str]:
    """Return the modules in the page, in order."""
    part = PAGE.read_text("utf-8").partition("### Modules in order")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `([\w.]+)`", part, re.MULTILINE)
