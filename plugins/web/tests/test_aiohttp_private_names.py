"""The private and undocumented names of aiohttp that this project uses.

The tests fail if a listed name is missing in aiohttp, with or without its C extensions; if the
source uses a private name that is not listed; and if the source does not use a listed name.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
import pytest
from aiohttp import web

PLUGINS: Final = Path(__file__).parents[2]
#: The packages whose source is scanned.
PACKAGES: Final = ("web", "websocket")
#: The environment of a process in which aiohttp does not use its C extensions.
PURE: Final = {"AIOHTTP_NO_EXTENSIONS": "1"}


class Use(NamedTuple):
    """The use of a private name of aiohttp in one module."""

    module: str
    name: str


#: All uses of private names of aiohttp, by module: `owner.name`, where the owner is a key of
#: `OWNERS` or the module from which the name is imported.
PRIVATE_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "actionhero_web/application.py": (
        "Application._loop",
        "Application._make_handler",
        "Application._make_request",
        "Application._set_loop",
        "Request._headers",
    ),
    "actionhero_web/bodies/body.py": (
        "Request._message",
        "Request._payload",
        "Request._read_bytes",
    ),
    "actionhero_web/bodies/body_stream.py": ("Content._wait",),
    "actionhero_web/bodies/native_request.py": (
        "Request._match_info",
        "Request._prepare_hook",
        "RequestHandler._manager",
    ),
    "actionhero_web/connections/half_close.py": ("RequestHandler._current_request",),
    "actionhero_web/connections/http_server.py": (
        "Server._connections",
        "Server._kwargs",
        "Server._loop",
    ),
    "actionhero_web/connections/protocol.py": (
        "Request._message",
        "Request._version",
        "RequestHandler._buffer_paused",
        "RequestHandler._close",
        "RequestHandler._current_request",
        "RequestHandler._force_close",
        "RequestHandler._loop",
        "RequestHandler._manager",
        "RequestHandler._messages",
        "RequestHandler._payload_parser",
        "RequestHandler._reading_paused",
        "RequestHandler._request_in_progress",
        "RequestHandler._resume_reading_for_buffer",
        "RequestHandler._task_handler",
        "RequestHandler._upgraded",
        "RequestHandler._waiter",
        "aiohttp.web_protocol._ErrInfo",
    ),
    "actionhero_web/files/file_response.py": (
        "Request._cache",
        "Response._chunk_size",
        "Response._get_file_path_stat_encoding",
        "Response._sendfile",
        "Response._sendfile_fallback",
        "Response._path",
    ),
    "actionhero_web/connections/upgrading_parser.py": (
        "RequestHandler._message_tail",
        "RequestHandler._parser",
    ),
    "actionhero_web/dispatch.py": ("Application._handle",),
    "actionhero_web/observation.py": ("Request._match_info",),
    "actionhero_web/responses/native_response.py": ("Response._chunked",),
    "actionhero_web/responses/json_response.py": ("RequestHandler._drain_helper",),
    "actionhero_web/connections/upgrades.py": (
        "RequestHandler._buffer_paused",
        "RequestHandler._message_tail",
        "RequestHandler._task_handler",
    ),
    "actionhero_web/upgrade_handler.py": ("Request._message",),
    "actionhero_websocket/protocol/frames.py": ("aiohttp._websocket.helpers.websocket_mask",),
}

#: The names without an underscore that aiohttp does not document, by owner.
UNDOCUMENTED_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "RequestHandler": (
        "connection_lost",
        "connection_made",
        "data_received",
        "force_close",
        "handle_error",
        "log_exception",
        "pause_writing",
        "resume_writing",
        "transport",
        "writing_paused",
    ),
    "Server": ("connection_made", "connections", "shutdown"),
    "Request": ("content", "keep_alive", "protocol", "raw_path", "transport", "writer"),
    "Writer": ("length", "output_size", "set_eof"),
    "Message": ("compression", "headers", "upgrade"),
    "Content": ("exception", "is_eof", "read_nowait", "total_bytes"),
}

#: The names that are imported from modules of aiohttp other than `aiohttp` and `aiohttp.web`.
IMPORTED_NAMES: Final = frozenset(
    {
        "aiohttp._websocket.helpers.websocket_mask",
        "aiohttp.abc.AbstractStreamWriter",
        "aiohttp.client_exceptions.ClientPayloadError",
        "aiohttp.hdrs.ACCEPT",
        "aiohttp.hdrs.AUTHORIZATION",
        "aiohttp.hdrs.CONTENT_ENCODING",
        "aiohttp.hdrs.CONTENT_TYPE",
        "aiohttp.hdrs.EXPECT",
        "aiohttp.hdrs.ORIGIN",
        "aiohttp.http.SERVER_SOFTWARE",
        "aiohttp.http_exceptions.HttpProcessingError",
        "aiohttp.http_parser.HttpRequestParser",
        "aiohttp.http_parser.HttpRequestParserPy",
        "aiohttp.streams.EMPTY_PAYLOAD",
        "aiohttp.web_protocol.ERROR",
        "aiohttp.web_protocol.RequestHandler",
        "aiohttp.web_protocol.RequestPayloadError",
        "aiohttp.web_protocol._ErrInfo",
        "aiohttp.web_server.Server",
    }
)

#: The variable names of aiohttp's objects in our source, with their classes.
RECEIVERS: Final[dict[str, str]] = {
    "application": "Application",
    "content": "Content",
    "protocol": "RequestHandler",
    "request": "Request",
    "response": "Response",
    "writer": "Writer",
}
#: The owner of inherited names, by base class: a class of aiohttp, or one of our subclasses
#: (`Http…`) that another module imports.
OWNERS: Final[dict[str, str]] = {
    "Application": "Application",
    "BodyPartReader": "BodyPartReader",
    "FileResponse": "Response",
    "HttpApplication": "Application",
    "HttpProtocol": "RequestHandler",
    "HttpServer": "Server",
    "MultipartReader": "MultipartReader",
    "Request": "Request",
    "RequestHandler": "RequestHandler",
    "Response": "Response",
    "Server": "Server",
    "StreamReader": "Content",
    "StreamResponse": "Response",
    "WebSocketResponse": "Response",
}

# -- uses in the source ----------------------------------------------------------------------------


#: A dotted path in aiohttp with a private part.
_PRIVATE_PATH: Final = re.compile(r"aiohttp(\.\w+)*\._\w+(\.\w+)*", re.ASCII)


def _sources() -> dict[str, Path]:
    """Return the paths of all source files, by module: `actionhero_web/bodies/body.py`."""
    folders = [PLUGINS / package / "src" for package in PACKAGES]
    return {
        path.relative_to(folder).as_posix(): path
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    }


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@cache
def _aiohttp_names() -> frozenset[str]:
    """Return all private names of attributes, methods and slots in aiohttp."""
    names: set[str] = set()
    for path in Path(aiohttp.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            elif isinstance(node, ast.Name):
                names.add(node.id)
    return frozenset(filter(_is_private, names))


class _Scanner(ast.NodeVisitor):
    """Finds the private names of aiohttp in one module."""

    def __init__(self, tree: ast.Module, known: frozenset[str]) -> None:
        self.names: set[str] = set()
        #: The names imported from modules of aiohttp.
        self.imported: set[str] = set()
        self._known = known
        #: The names of aiohttp, by their local names: `web`, `RequestHandler`, …
        self._aiohttp: dict[str, str] = {}
        #: The modules of aiohttp, by their local names.
        self._modules: dict[str, str] = {}
        #: The owners of inherited names, by our subclasses of aiohttp's classes.
        self._subclasses: dict[str, str] = {}
        #: The names that those subclasses define.
        self._defined_by: dict[str, frozenset[str]] = {}
        self._class: ast.ClassDef | None = None
        self._own: frozenset[str] = frozenset()
        #: The names that this module defines.
        self._module_names = frozenset(_defined(tree))
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.split(".")[0] == "aiohttp":
                self._aiohttp[alias.asname or "aiohttp"] = alias.name
                self._modules[alias.asname or "aiohttp"] = alias.name
                if "._" in alias.name:
                    self.names.add(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if module.split(".")[0] != "aiohttp":
            return
        for alias in node.names:
            path = f"{module}.{alias.name}"
            self._aiohttp[alias.asname or alias.name] = alias.name
            if module == "aiohttp" and not alias.name[0].isupper():
                self._modules[alias.asname or alias.name] = path
            if "._" in path:
                self.names.add(path)
            if module not in {"aiohttp", "aiohttp.web"}:
                self.imported.add(path)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        owner = next(filter(None, map(self._owner, node.bases)), "")
        outer = self._class, self._own
        if owner:
            self._subclasses[node.name] = owner
            own = frozenset(_defined(node))
            inherited = (self._defined_by.get(_last(base), frozenset()) for base in node.bases)
            self._class, self._own = node, own.union(*inherited)
            self._defined_by[node.name] = self._own
            for statement in node.body:
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    # A method of the same name overrides that of aiohttp.
                    self._add(owner, statement.name)
        self.generic_visit(node)
        self._class, self._own = outer

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = node.value
        last = _last(base)
        if isinstance(base, ast.Name) and (module := self._modules.get(base.id)):
            if module not in {"aiohttp", "aiohttp.web"}:
                self.imported.add(f"{module}.{node.attr}")
            if _is_private(node.attr):
                self.names.add(f"{module}.{node.attr}")
        elif _is_private(node.attr):
            if last in {"self", "cls"} and isinstance(base, ast.Name):
                if self._class is not None and node.attr not in self._own:
                    self._add(self._subclasses[self._class.name], node.attr)
            elif last in RECEIVERS:
                self._add(RECEIVERS[last], node.attr)
            elif self._aiohttp and node.attr not in self._module_names:
                self._add(f"?{last}", node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = _last(node.func)
        if function in {"getattr", "setattr", "hasattr", "delattr"} and len(node.args) > 1:
            name = node.args[1]
            if isinstance(name, ast.Constant) and _is_private(str(name.value)):
                last = _last(node.args[0])
                if last in RECEIVERS or self._aiohttp:
                    self._add(RECEIVERS.get(last, f"?{last}"), str(name.value))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        # An argument of `import_module` or `monkeypatch.setattr`.
        text = node.value
        if isinstance(text, str) and _PRIVATE_PATH.fullmatch(text):
            self.names.add(text)

    def _add(self, owner: str, name: str) -> None:
        if name in self._known:
            self.names.add(f"{owner}.{name}")

    def _owner(self, base: ast.expr) -> str:
        last = _last(base)
        if last in self._subclasses:
            return self._subclasses[last]
        is_aiohttp = (
            last.startswith("Http") or last in self._aiohttp or _last_but_one(base) in self._aiohttp
        )
        return OWNERS.get(last, "") if is_aiohttp else ""


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    return _last(node.func) if isinstance(node, ast.Call) else ""


def _last_but_one(node: ast.AST) -> str:
    return _last(node.value) if isinstance(node, ast.Attribute) else ""


def _defined(tree: ast.AST) -> set[str]:
    """Return the names that `tree` defines: functions, variables, slots, attributes of `self`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
                names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Assign) and [_last(target) for target in node.targets] == [
            "__slots__"
        ]:
            names |= {
                item.value
                for item in ast.walk(node.value)
                if isinstance(item, ast.Constant) and isinstance(item.value, str)
            }
    return names


def scan(text: str, known: frozenset[str]) -> tuple[set[str], set[str]]:
    """Return the private names of aiohttp in a source text, and the names imported from aiohttp."""
    scanner = _Scanner(ast.parse(text), known)
    return scanner.names, scanner.imported


@cache
def _used() -> tuple[set[Use], set[str]]:
    known = _aiohttp_names()
    uses: set[Use] = set()
    imported: set[str] = set()
    for module, path in _sources().items():
        names, imported_names = scan(path.read_text(encoding="utf-8"), known)
        uses |= {Use(module, name) for name in names}
        imported |= imported_names
    return uses, imported


def _listed() -> set[Use]:
    return {Use(module, name) for module, names in PRIVATE_NAMES.items() for name in names}


# -- names in aiohttp ------------------------------------------------------------------------------

#: The program runs in its own process, with or without the C extensions of aiohttp, as a process
#: cannot change its parser. It handles an upgrade request and a compressed request with real
#: objects, and prints the missing names and the observed behaviour.
PROBE: Final = r"""
import asyncio, importlib, inspect, json
from aiohttp import http_parser, web

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\ntail"
)
COMPRESSED = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"
)


class Transport(asyncio.Transport):
    def is_closing(self): return False
    def get_extra_info(self, name, default=None): return default
    def get_write_buffer_size(self): return 0
    def write(self, data): pass
    def close(self): pass
    def pause_reading(self): pass
    def resume_reading(self): pass


def has(value, name):
    try:
        getattr(value, name)
    except AttributeError:
        return False
    return True


async def main():
    objects, behaviour = {}, {}

    async def handle(request):
        protocol = request.protocol
        current = {
            "Request": request, "Content": request.content, "Writer": request.writer,
            "Message": request._message, "RequestHandler": protocol,
        }
        for owner, value in current.items():
            objects.setdefault(owner, value)
        if request.method == "GET":
            behaviour["upgrade"] = bool(request._message.upgrade)
            behaviour["tail"] = bytes(protocol._message_tail)
            behaviour["in_progress"] = protocol._request_in_progress
            behaviour["is_current"] = protocol._current_request is request
            behaviour["has_task"] = isinstance(protocol._task_handler, asyncio.Task)
            behaviour["has_no_waiter"] = protocol._waiter is None
            behaviour["is_connected"] = protocol in protocol._manager._connections
            behaviour["upgraded"] = bool(protocol._upgraded)
            behaviour["queued"] = len(protocol._messages)
            request._cache["http_range"] = slice(1, 2)
            behaviour["range"] = str(request.http_range)
            request._read_bytes = b"stored"
            behaviour["read"] = (await request.read()).decode()
        else:
            behaviour["compression"] = request._message.compression
            behaviour["headers"] = request._message.headers["host"]
        return web.Response()

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", handle)
    handler = application._make_handler(loop=asyncio.get_running_loop())
    await application.startup()
    for data in (REQUEST, COMPRESSED):
        protocol = handler()
        protocol.connection_made(Transport())
        protocol.data_received(data)
        await asyncio.sleep(0.05)
        if data is COMPRESSED:
            behaviour["has_waiter"] = isinstance(protocol._waiter, asyncio.Future)
            behaviour["idle"] = not protocol._request_in_progress and not protocol._messages
        protocol.connection_lost(None)
    file_response = web.FileResponse("file", chunk_size=5)
    behaviour["file"] = [str(file_response._path), file_response._chunk_size]
    objects |= {"Application": application, "Server": handler, "Response": file_response}
    expected = EXPECTED
    missing = [
        f"{owner}.{name}" for owner, names in expected.items() for name in names
        if not has(objects[owner], name)
    ]
    missing += [name for name in IMPORTS if not has(
        importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])]
    behaviour["tail"] = behaviour["tail"].decode()
    behaviour["parser"] = http_parser.HttpRequestParser.__module__
    behaviour["handle_error"] = list(inspect.signature(web.RequestHandler.handle_error).parameters)
    behaviour["make_handler"] = list(inspect.signature(web.Application._make_handler).parameters)
    accepted = inspect.signature(web.RequestHandler.__init__).parameters
    behaviour["kwargs"] = [name for name in handler._kwargs if name not in accepted]
    data = bytearray(b"abcdefgh" * 9)
    from aiohttp._websocket.helpers import websocket_mask
    websocket_mask(b"\x01\x02\x03\x04", data)
    behaviour["mask"] = bytes(data) == bytes(
        byte ^ (1, 2, 3, 4)[place % 4] for place, byte in enumerate(b"abcdefgh" * 9)
    )
    behaviour["mask_by"] = type(websocket_mask).__name__
    print(json.dumps({"missing": missing, "behaviour": behaviour}))


asyncio.run(main())
"""

#: The expected behaviour, with both parsers.
BEHAVIOUR: Final[dict[str, object]] = {
    "upgrade": True,
    "tail": "tail",
    "in_progress": True,
    "is_current": True,
    "has_task": True,
    "has_no_waiter": True,
    "is_connected": True,
    "upgraded": True,
    "queued": 0,
    "range": "slice(1, 2, None)",
    "read": "stored",
    "compression": "gzip",
    "headers": "localhost",
    "has_waiter": True,
    "idle": True,
    "file": ["file", 5],
    "handle_error": ["self", "request", "status", "exc", "message"],
    "make_handler": ["self", "loop", "access_log_class", "kwargs"],
    "kwargs": [],
    "mask": True,
}


def _probe(extensions: str) -> dict[str, dict[str, object]]:
    names_by_owner: defaultdict[str, set[str]] = defaultdict(set)
    imported = set(IMPORTED_NAMES)
    for use in _listed():
        owner, _, name = use.name.rpartition(".")
        if owner.startswith("aiohttp"):
            imported.add(use.name)
        else:
            names_by_owner[owner].add(name)
    for owner, names in UNDOCUMENTED_NAMES.items():
        names_by_owner[owner] |= set(names)
    expected = {owner: sorted(names) for owner, names in names_by_owner.items()}
    code = PROBE.replace("EXPECTED", repr(expected)).replace("IMPORTS", repr(sorted(imported)))
    environ = {name: text for name, text in os.environ.items() if name not in PURE}
    completed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environ | (PURE if extensions == "pure" else {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    result: dict[str, dict[str, object]] = json.loads(completed.stdout)
    return result


@pytest.fixture(scope="module", params=["compiled", "pure"])
def probe(request: pytest.FixtureRequest) -> dict[str, dict[str, object]]:
    """The names and the behaviour of aiohttp, with and without its C extensions."""
    result = _probe(request.param)
    module = "aiohttp._http_parser" if request.param == "compiled" else "aiohttp.http_parser"
    if request.param == "compiled" and result["behaviour"]["parser"] != module:
        pytest.skip("aiohttp has no compiled parser on this platform")
    assert result["behaviour"]["parser"] == module
    return result


# -- tests -----------------------------------------------------------------------------------------


def test_aiohttp_has_all_listed_names(probe: dict[str, dict[str, object]]) -> None:
    """A release of aiohttp may rename private names without notice."""
    assert not probe["missing"]


def test_the_listed_names_have_the_expected_meaning(probe: dict[str, dict[str, object]]) -> None:
    """A name with a changed meaning is worse than a missing one."""
    assert {name: probe["behaviour"].get(name) for name in BEHAVIOUR} == BEHAVIOUR


def test_the_source_uses_listed_private_names_only() -> None:
    """A further name must be added to `PRIVATE_NAMES`, where it is verified."""
    used, _ = _used()

    assert sorted(used - _listed()) == []


def test_the_source_uses_all_listed_private_names() -> None:
    """An obsolete entry would reject compatible releases of aiohttp."""
    used, _ = _used()

    assert sorted(_listed() - used) == []


def test_imports_from_undocumented_modules_are_listed() -> None:
    """Only `aiohttp` and `aiohttp.web` are documented modules."""
    _, imported = _used()

    assert sorted(imported ^ IMPORTED_NAMES) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("def f(request):\n    request._payload", "Request._payload"),
        ("def f(r):\n    r.protocol._close", "RequestHandler._close"),
        ("def f(request):\n    getattr(request, '_cache')", "Request._cache"),
        ("def f(request):\n    setattr(request.protocol, '_keepalive', 1)",
         "RequestHandler._keepalive"),
        ("from aiohttp._websocket import reader", "aiohttp._websocket.reader"),
        ("import aiohttp._http_parser", "aiohttp._http_parser"),
        ("from aiohttp.web_protocol import _ErrInfo", "aiohttp.web_protocol._ErrInfo"),
        ("import_module('aiohttp._http_writer')", "aiohttp._http_writer"),
        ("from aiohttp import web\nclass A(web.Application):\n    def f(self): self._router",
         "Application._router"),
        ("from aiohttp import web\nclass A(web.Application):\n    def _resolve(self): ...\n"
         "    def _check_frozen(self): ...", "Application._check_frozen"),
        ("from aiohttp.web import RequestHandler\nclass A(RequestHandler): ...\n"
         "class B(A):\n    def f(self): return self._keepalive_handle",
         "RequestHandler._keepalive_handle"),
        ("from aiohttp import web\ndef f(other): return other._task_handler",
         "?other._task_handler"),
    ],
)  # fmt: skip
def test_the_scanner_finds_all_kinds_of_use(text: str, name: str) -> None:
    """By attribute, `getattr`, import, inheritance and dotted path."""
    names, _ = scan(text, _aiohttp_names())

    assert name in names


@pytest.mark.parametrize(
    "text",
    [
        "from aiohttp import web\nclass A(web.Response):\n    def f(self): self._own_name = 1\n"
        "class B(A):\n    def f(self): self._own_name",
        "class A:\n    def f(self): self._loop = self._message = 1",
        "from aiohttp import web\nclass A(web.Response):\n    def f(self): self._own_name = 1",
        "from aiohttp import web\nclass A:\n    _close = 1\ndef f(client): client._close",
        "def f(request): request.__dict__",
    ],
)
def test_the_scanner_ignores_our_own_names(text: str) -> None:
    """Private names that our source defines are not names of aiohttp."""
    names, _ = scan(text, _aiohttp_names())

    assert names == set()


def test_the_probe_checks_the_owners_of_all_listed_names() -> None:
    """Names of other owners would not be verified."""
    owners = {use.name.rpartition(".")[0] for use in _listed()}

    assert {owner for owner in owners if not owner.startswith("aiohttp.")} <= {
        "Application",
        "Content",
        "Request",
        "RequestHandler",
        "Response",
        "Server",
    }
    assert issubclass(web.Request, web.BaseRequest)
