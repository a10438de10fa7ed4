"""The vocabulary of the project: forbidden terms, limits of the register, and their scanner.

Run `python tests/architecture/vocabulary.py [PATH ...]` to list the violations in a folder or a
file, `--summary` for the counts alone, and `--list CONSTRUCTION` for each match of one of them.

A new forbidden term is one entry in `TERMS`; a legitimate use is one in `ALLOWED`, with its reason.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, cached_property
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ROOT = Path(__file__).parents[2]

# --- Forbidden terms ----------------------------------------------------------------------------


class Form(Enum):
    """How a forbidden term is written, which decides where it is looked for."""

    #: A word in any text or path, also as a part of an identifier: `door`, `open_door`, `DoorKind`.
    WORD = "word"
    #: A whole identifier in any text, code or prose, with case: `say_farewell`.
    NAME = "name"
    #: A whole identifier in code, in a sample or between backticks: `class Line`, not "Line 3".
    CODE = "code"
    #: A module, as its dotted name or as its file: `actionhero.raw`, `actionhero/raw.py`.
    MODULE = "module"
    #: The name of a file or a folder: `test_raw.py`.
    FILE = "file"
    #: A setting, as `web.errors`, `ACTIONHERO_WEB__ERRORS`, and `errors =` in a table `[web]`.
    SETTING = "setting"
    #: A regular expression, with case, in any text.
    TEXT = "text"


class Term(NamedTuple):
    """A forbidden term and the standard one."""

    form: Form
    forbidden: str
    standard: str
    #: Where it is forbidden, as beginnings of paths; everywhere when empty.
    scope: tuple[str, ...] = ()


def terms(form: Form, table: str, *scope: str) -> list[Term]:
    """Return the terms of a table with lines such as `door, doors -> transport`."""
    return [
        Term(form, forbidden.strip(), standard.strip(), scope)
        for line in table.strip().splitlines()
        for names, _, standard in [line.partition("->")]
        for forbidden in names.split(",")
    ]


TASKS = "plugins/tasks/"
WEB = "plugins/web/"
CHANNELS = "plugins/channels/"
WEBSOCKET = "plugins/websocket/"
CORE = "core/"

TERMS: list[Term] = [
    # Metaphors, which have no meaning here but a private one.
    *terms(
        Form.WORD,
        """
        door, doors -> transport, or server
        corridor, corridors -> pipeline
        courier, couriers -> executor: ThreadPoolExecutor(1)
        errand, errands -> function submitted to the executor
        stillborn -> failed start
        farewell, farewells -> close message: send_close
        timetable, timetables -> TimeoutQueue
        giver, givers -> provider
        poison, poisoned, poisonous -> undecodable
        knob, knobs -> setting
        verdict, verdicts -> decision: retry_decision
        visitors -> pending subscribers
        mouth, mouths -> HeartbeatWriter
        ears -> HeartbeatReader
        heart, hearts -> PresenceHeartbeat
        lane, lanes -> CallQueue
        conversation, conversations -> WebSocketSession, SessionRegistry
        seal, seals, sealed, sealing, unseal, unsealed -> encryption, encrypt; closed (a batch)
        desk, desks -> console
        surroundings -> context
        Mended -> Fixed
        """,
    ),
    # Names that are no ordinary words.
    *terms(
        Form.NAME,
        """
        actionhero_check -> actionhero_validate
        actionhero_kinds -> actionhero_component_types
        actionhero_diagnoses -> actionhero_doctor_checks
        first_step -> start_eagerly
        take_leave -> handle_close
        SettingsBook -> LoadedSettings
        only_plain -> use_aiohttp_responses
        _is_lean, is_lean, _may_be_lean, may_be_lean -> fast_path
        turn_away -> stop_listening
        admit_waiting -> drain_backlog
        verdict_on -> retry_decision
        bears_problems -> tolerates_load_errors
        call_off -> cancel
        open_line, redis_line -> RedisPipeline
        drain_timeout, DRAIN_TIMEOUT -> write_timeout
        key_window, KEY_WINDOW -> deduplication_window
        backoff_limit, BACKOFF_LIMIT -> max_backoff
        """,
    ),
    # Ordinary words that were names of ours.
    *terms(
        Form.CODE,
        """
        Line -> RedisPipeline, or client
        Express -> PipelinedEnqueuer
        Lane -> CallQueue
        Opening -> PendingCall
        Passes -> signed tokens
        Signs -> HeartbeatReader
        Signals -> DramatiqMiddlewareAdapter
        Owners -> WorkerLocks
        Heart -> PresenceHeartbeat
        Relay -> PubSubListener
        _Bucket -> TimeoutQueue
        Exchanges -> RequestHandler
        Heads -> HeaderTemplates
        Telling -> ErrorMapping
        Charge -> GunicornApp
        Given -> SettingValue
        Fault -> SettingError
        Unreadable -> InvalidPayload
        Failures -> ErrorHandler
        Registered -> RegisteredAction
        Pulse -> CallMetrics
        Beat -> CallMetrics
        """,
    ),
    *terms(Form.CODE, "Room -> LocalChannel", CHANNELS + "src/"),
    *terms(Form.CODE, "Parent -> WorkerArbiter\n_pretty -> legacy_format", WEB),
    *terms(Form.CODE, "Work -> UnitOfWork", "plugins/db/"),
    *terms(
        Form.CODE, "raw -> payload\npeek -> preview", CORE + "src/", CORE + "tests/", "plugins/"
    ),
    *terms(Form.CODE, "trade -> settle_and_claim\nring, _ring -> notify", TASKS),
    *terms(Form.CODE, "choose -> create_store", "plugins/redis/", "plugins/sessions/", CHANNELS),
    *terms(
        Form.TEXT,
        r"""
        \bprocess\.leave\b -> process.exit_soon
        \bprocess\.at_once\b -> process.exit_now
        (?<![\w.])told\( -> status_for, or a verb of the field
        """,
    ),
    # Metaphors that have a plain meaning elsewhere: a sample rings a bell, an address has a street.
    *terms(
        Form.WORD, "house, houses -> codebase\nstreet, streets -> network", "docs/", "README.md"
    ),
    *terms(Form.WORD, "bell, bells -> wake-up event", TASKS, CHANNELS, WEBSOCKET, "plugins/redis/"),
    *terms(
        Form.WORD,
        "owner, owners -> worker id",
        TASKS,
        "plugins/pytest/src/pytest_actionhero/job_queue.py",
    ),
    *terms(
        Form.MODULE,
        """
        actionhero.raw -> payload
        actionhero.mark -> gone
        actionhero.log_lines -> formatters
        actionhero.installed -> entry_points
        actionhero_channels.room -> local_channel
        actionhero_channels.relay -> pubsub_listener
        actionhero_db.work -> unit_of_work
        actionhero_openapi.narrowing -> compatibility
        actionhero_openapi.api -> document
        actionhero_redis.choice -> store_factory
        actionhero_sessions.endings -> revocation
        actionhero_sessions.raw_handlers -> aiohttp_storage
        actionhero_tasks.express -> pipelined_enqueuer
        actionhero_tasks.signs -> heartbeat
        actionhero_tasks.signals -> dramatiq_middleware
        actionhero_tasks.page.passes -> signed tokens
        actionhero_web.head -> header_templates
        actionhero_web.supervisors -> process_models
        actionhero_websocket.reach -> exposure
        actionhero_chat.pulse -> call_metrics
        """,
    ),
    *terms(Form.FILE, "origin.py -> request_context.py\nchoice.py -> store_factory.py"),
    *terms(
        Form.SETTING,
        """
        web.errors -> web.error_format
        web.drain_timeout -> web.write_timeout
        tasks.key_window -> tasks.deduplication_window
        tasks.embedded -> tasks.run_in_server
        tasks.probes -> tasks.health_address
        tasks.backoff_limit -> tasks.max_backoff
        openapi.page -> openapi.page_path
        websocket.calls -> websocket.max_concurrent_calls
        """,
    ),
    # Titles in the docs and in their navigation.
    *terms(
        Form.TEXT,
        r"""
        \b[Aa]-call-from-door-to-door\b -> request-lifecycle
        (?<=[#:\[\"] )The rooms\b|\[The rooms\] -> Modules
        \bWho wins\b -> Precedence
        \bTell whether all is well\b -> Health checks
        \bKnow what strangers learn\b -> What clients see
        \bSay what went wrong\b -> Raise errors
        """,
    ),
    *terms(
        Form.TEXT,
        "- Answer:$ -> Responses\n- Keep:$ -> Data\n- Names: -> API",
        "mkdocs.yml",
    ),
]


class Allowed(NamedTuple):
    """A legitimate use of a forbidden term."""

    #: What the text around the term matches, as a regular expression.
    text: str
    reason: str
    scope: tuple[str, ...] = ()


ALLOWED: list[Allowed] = [
    Allowed(r"(?i:argon2_lanes)|fewer lanes", "the parallelism of Argon2 is counted in lanes"),
    Allowed(r"""["']Lane( \d+)?["']""", "a street in the data of a test", ("core/tests/",)),
    Allowed(r"\b[Cc]onnection\.raw\b|\bConnection\(.*\braw=", "the transport's own object, public"),
    Allowed(
        r"\braw=request\b|\bself\.raw\b",
        "the same, for a class based on Connection",
        (WEB, WEBSOCKET),
    ),
    Allowed(
        r"\braw\b",
        "the transport's own object, a public attribute",
        ("core/src/actionhero/connection.py",),
    ),
    Allowed(r"\bsignal\.Signals\b", "the signals of the standard library"),
    Allowed(r"\braw=peer\b", "the transport's own object of a call over MCP", ("plugins/mcp/",)),
    Allowed(r"\braw=claim\b", "the transport's own object of a job", (TASKS,)),
    Allowed(r"\bPerson\.raw\(", "a method of Tortoise ORM", ("plugins/db/tests/",)),
    Allowed(r"\.raw\(|\bdef raw\(", "sends the bytes of a request as they are", (WEB + "tests/",)),
]

# --- Limits of the register ---------------------------------------------------------------------


class Construction(NamedTuple):
    """A construction that standard documentation hardly uses."""

    name: str
    #: Its uses.
    pattern: re.Pattern[str]
    #: Its standard uses: a match within one of these is not counted.
    standard: re.Pattern[str]
    instead: str
    limit_per_1000: float


def _pattern(*alternatives: str) -> re.Pattern[str]:
    """Compile a pattern in which a space is any white space."""
    return re.compile("|".join(alternatives).replace(" ", r"\s+"), re.IGNORECASE)


CONSTRUCTIONS: list[Construction] = [
    Construction(
        "clauses",
        _pattern(r"\b(?:what|whatever|who|that which)\b"),
        _pattern(
            # A question, direct or after a verb of knowledge or choice.
            r"(?:^|(?<=[.!?:;\n|(#]))[ #]?\bwh(?:at|o)\b[^.!?:;\n|]*\?",
            r"\b(?:knows?|known|knowing|determine[sd]?|determining|decide[sd]?|deciding|controls?"
            r"|controlling|defines?|specify|specifies|describes?|explains?|understand|guess(?:es)?"
            r"|matters?|clear|unclear|idea|sure|regardless of|depend(?:s|ing)? on|no matter"
            r"|(?:figure|find|work)s? out),? (?:exactly )?what(?:ever)?\b",
            r"\bwhat (?:to|if|about|else|kind of|sort of)\b",
            r"\b(?:is|was|not|exactly|that's|it's) what (?:you|we) (?:want|need)\b",
            # A relative clause about a person.
            r"\b(?:users?|clients?|consumers?|callers?|persons?|people|authors?|developers?|readers?"
            r"|operators?|attackers?|administrators?|maintainers?|contributors?|subscribers?"
            r"|members?|senders?|anyone|someone|everyone),? who\b",
        ),
        "a noun",
        0.5,
    ),
    Construction(
        "tell",
        _pattern(r"\b(?:tells?|told|telling)\b(?!\()"),
        # Differences are told apart in the documentation of Python too.
        _pattern(r"\b(?:tells?|told|telling) (?:[^\s.;:]+ ){0,5}?apart\b"),
        "report, return, show, log, or send",
        0.3,
    ),
    Construction(
        "persons",
        _pattern(r"\b(?:somebody|nobody|anybody|everybody|whoever)\b"),
        # The user of Unix, the text of a message, and values of tests.
        _pattern(r"(?<==)nobody\b", r"\bnobody:\w+", r"\bhello,? everybody\b"),
        "the client, the caller, the user, or the passive",
        0.3,
    ),
]

# --- Files --------------------------------------------------------------------------------------

SUFFIXES = {".py", ".md", ".jinja", ".js", ".toml", ".yml", ".yaml", ".html", ".ts", ".ini"}
#: Written elsewhere, or about the forbidden terms themselves.
EXCLUDED = re.compile(
    r"swagger-ui|(^|/)(LICENSE|\.nox|\.venv|node_modules|__pycache__)|vocabulary\.py$"
)


def tracked_files(root: Path = ROOT) -> list[str]:
    """Return the paths of the files to scan, relative to `root`.

    They are those that git tracks or would add; without git, all that are in no hidden folder.
    """
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        run = subprocess.run(listing, cwd=root, capture_output=True, check=True)
        paths = sorted(set(run.stdout.decode().split("\0")) - {""})
    except (OSError, subprocess.CalledProcessError):
        paths = []
    if not paths:
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            paths += [(Path(folder) / name).relative_to(root).as_posix() for name in sorted(names)]
    return [
        path
        for path in paths
        if Path(path).suffix in SUFFIXES and not EXCLUDED.search(path) and (root / path).is_file()
    ]


# --- Texts of a file ----------------------------------------------------------------------------


class Passage(NamedTuple):
    """Prose that belongs together: a docstring, a block of comments, a message, a page."""

    line: int
    text: str
    #: No line is beyond this one: a string may have more lines than its literal.
    last_line: int


#: Comments and strings of Python; a prefix such as `f` stays outside.
_TOKENS = re.compile(
    r"""
    \#[^\n]*
    |"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"{3}
    |'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3}
    |"[^"\\\n]*(?:\\.[^"\\\n]*)*"
    |'[^'\\\n]*(?:\\.[^'\\\n]*)*'
    """,
    re.VERBOSE | re.DOTALL,
)
_FENCE = re.compile(
    r"^[ \t]*(```+|~~~+)[^\n]*\n.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_DOCTEST = re.compile(r"^[ \t]*(?:>>>|\.\.\.)[^\n]*", re.MULTILINE)
#: What is no prose within prose, each with a text without which it is not there.
_CODE_IN_PROSE = [
    ("```", _FENCE),
    ("~~~", _FENCE),
    (">>>", _DOCTEST),
    ("`", _INLINE_CODE),
    ("](", re.compile(r"(?<=\])\([^()\s]*\)")),
    ("://", re.compile(r"https?://\S+")),
    ("<!--", re.compile(r"<!--.*?-->", re.DOTALL)),
]
_C_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", re.DOTALL)
_JINJA = re.compile(r"\{%.*?%\}", re.DOTALL)
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL)
_MESSAGE = re.compile(r"[^\W\d_][^\s_]*\s+(?:[^\s_=]+\s+)+[^\W\d_]{2,}")
WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def _blank(match: re.Match[str]) -> str:
    """Return what takes no place in prose: an ellipsis, and the lines that were there."""
    return "…" + "\n" * match[0].count("\n")


def _spaces(text: str) -> str:
    """Return as many spaces, on as many lines."""
    return "\n".join(" " * len(line) for line in text.split("\n"))


def _only_code(code: re.Pattern[str], text: str) -> str:
    """Replace all but code by spaces, so that each position stays."""
    parts = []
    position = 0
    for match in code.finditer(text):
        parts += [_spaces(text[position : match.start()]), match[0]]
        position = match.end()
    return "".join([*parts, _spaces(text[position:])])


_MARKDOWN_CODE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+)[^\n]*\n.*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)"
    r"|(?P<ticks>`+)(?!`)[^\n]+?(?<!`)(?P=ticks)(?!`)",
    re.MULTILINE | re.DOTALL,
)


def without_code(text: str) -> str:
    """Remove code samples, code between backticks and addresses from Markdown or a docstring."""
    for mark, pattern in _CODE_IN_PROSE:
        if mark in text:
            text = pattern.sub(_blank, text)
    return text


@dataclass(frozen=True)
class Source:
    """A file, and the views of it that are scanned."""

    path: str
    text: str

    @property
    def package(self) -> str:
        """The package or folder that the file is counted with."""
        parts = self.path.split("/")
        if len(parts) == 1:
            return "(root)"
        return "/".join(parts[:2]) if parts[0] in ("plugins", "example-plugins") else parts[0]

    @cached_property
    def kind(self) -> str:
        """The suffix that says how the file is read; a template is read as what it makes."""
        path = self.path.removesuffix(".jinja")
        return Path(path).suffix

    @cached_property
    def prose(self) -> list[Passage]:
        """The prose of the file."""
        if self.kind == ".py" and not self.path.endswith(".jinja"):
            passages = sorted(self._python())
        elif self.kind == ".md":
            passages = [Passage(1, without_code(_JINJA.sub(_blank, self.text)), sys.maxsize)]
        elif self.kind == ".html":
            passages = [Passage(1, _TAG.sub(_blank, self.text), sys.maxsize)]
        elif self.kind in (".js", ".ts"):
            passages = list(self._matches(_C_COMMENT))
        else:
            passages = list(self._matches(_TOKENS))
        return passages

    def _matches(self, pattern: re.Pattern[str]) -> Iterator[Passage]:
        """Yield comments; of what is like Python also its docstrings."""
        for match in pattern.finditer(self.text):
            text = match[0]
            if text.startswith(("#", "//", "/*")) or (text[:3] == '"""' and ".py" in self.path):
                line = self.text.count("\n", 0, match.start()) + 1
                yield Passage(line, without_code(text.strip('"#/*')), sys.maxsize)

    def _python(self) -> Iterator[Passage]:
        """Yield docstrings, messages, names of tests, and blocks of comments."""
        tree = ast.parse(self.text)
        docstrings: set[ast.Constant] = set()
        inner: set[ast.Constant] = set()
        for node in _nodes(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                docstrings.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                inner.update(part for part in node.values if isinstance(part, ast.Constant))
                parts = [str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values]
                yield from _message(node, "".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node in docstrings:
                    yield Passage(node.lineno, without_code(node.value), node.end_lineno or 1)
                elif node not in inner:
                    yield from _message(node, node.value)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if not node.name.startswith("test_"):
                    continue
                yield Passage(node.lineno, node.name.replace("_", " "), node.lineno)
        yield from self._comments()

    def _comments(self) -> Iterator[Passage]:
        block: list[str] = []
        first = last = 0
        for match in _TOKENS.finditer(self.text):
            if not match[0].startswith("#"):
                continue
            line = self.line(match.start())
            if line != last + 1 and block:
                yield Passage(first, without_code("\n".join(block)), last)
                block = []
            if not block:
                first = line
            block.append(match[0].lstrip("#: "))
            last = line
        if block:
            yield Passage(first, without_code("\n".join(block)), last)

    @cached_property
    def code(self) -> str:
        """The code of the file, and what is between backticks; all else is blank."""
        if self.kind == ".py":
            return _TOKENS.sub(lambda match: _only_code(_INLINE_CODE, match[0]), self.text)
        if self.kind == ".md":
            return _only_code(_MARKDOWN_CODE, self.text)
        return ""

    def line(self, position: int) -> int:
        """Return the number of the line at a position."""
        return bisect_right(self.starts, position)

    @cached_property
    def starts(self) -> list[int]:
        """The position at which each line starts."""
        return [0, *(match.end() for match in re.finditer("\n", self.text))]


_WITHOUT_PROSE = (ast.Name, ast.expr_context)


def _nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield each node that may hold prose, before those in it; faster than `ast.walk`."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name)
            if isinstance(value, list):
                nodes += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, _WITHOUT_PROSE):
                nodes.append(value)


def _message(node: ast.expr, text: str) -> Iterator[Passage]:
    """Yield a string if it has three words; of a sample of several lines only its comments."""
    last = node.end_lineno or node.lineno
    if text.count("\n") > 1:
        comments = re.findall(r'"{3}.*?"{3}|(?:#|--|//) [^\n]*', text, re.DOTALL)
        text = "\n".join(comments)
    if _MESSAGE.search(text):
        yield Passage(node.lineno, without_code(text), last)


# --- Matches ------------------------------------------------------------------------------------


class Violation(NamedTuple):
    """A forbidden term where it was found."""

    path: str
    line: int
    forbidden: str
    standard: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.forbidden!r} -> {self.standard}"


class Match(NamedTuple):
    """A construction where it was found."""

    path: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.sentence}"


_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def _words(text: str, words: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    """Yield where words are in a text, also as parts of an identifier: `http_door`, `HTTPDoor`."""
    lower = text.translate(_LOWER)
    for word in words:
        start = lower.find(word)
        while start >= 0:
            end = start + len(word)
            if _begins(text, start) and _ends(text, end):
                yield start, end, word
            start = lower.find(word, end)


def _begins(text: str, start: int) -> bool:
    """Return whether a word begins at a position."""
    if start == 0 or not text[start - 1].isalpha():
        return True
    return text[start].isupper() and (text[start - 1].islower() or text[start + 1].islower())


def _ends(text: str, end: int) -> bool:
    """Return whether a word ends before a position."""
    if end == len(text) or not text[end].isalpha():
        return True
    return text[end].isupper() and text[end - 1].islower()


@dataclass(frozen=True)
class Finder:
    """Finds the terms that are forbidden in the files of some scopes."""

    words: dict[str, Term]
    #: A text without which an expression does not match, the expression, and its term.
    in_texts: list[tuple[str, re.Pattern[str], Term]]
    in_codes: list[tuple[str, re.Pattern[str], Term]]
    in_paths: list[tuple[str, re.Pattern[str], Term]]

    def in_text(self, text: str) -> Iterator[tuple[int, int, Term]]:
        """Yield where a term is in a text: its start, its end, and the term."""
        for start, end, word in _words(text, self.words):
            yield start, end, self.words[word]
        yield from _search(text, self.in_texts)

    def in_code(self, code: str) -> Iterator[tuple[int, int, Term]]:
        """Yield where a term is an identifier in code."""
        yield from _search(code, self.in_codes)

    def in_path(self, path: str) -> Iterator[tuple[int, int, Term]]:
        """Yield where a term is in a path."""
        for start, end, word in _words(path, self.words):
            yield start, end, self.words[word]
        yield from _search(path, self.in_paths)


def _search(
    text: str, expressions: list[tuple[str, re.Pattern[str], Term]]
) -> Iterator[tuple[int, int, Term]]:
    for required, pattern, term in expressions:
        if required in text:
            for match in pattern.finditer(text):
                yield match.start(), match.end(), term


def _expressions(term: Term) -> list[tuple[str, str]]:
    """Return what matches a term in a text, and what the text must have for it."""
    word = re.escape(term.forbidden)
    table, _, key = term.forbidden.partition(".")
    if term.form is Form.NAME:
        return [(term.forbidden, rf"(?<![A-Za-z0-9]){word}(?![A-Za-z0-9])")]
    if term.form is Form.MODULE:
        return [(term.forbidden, rf"(?<![\w.]){word}\b")]
    if term.form is Form.SETTING:
        variable = f"{table}__{key}".upper()
        return [
            (term.forbidden, rf"(?<![\w./]){word}\b(?!\()"),
            (variable, rf"{variable}\b"),
            (f"[{table}]", rf"^ *\[{table}\]\n(?:(?! *\[).*\n)*? *{key}(?= *=)"),
        ]
    if term.form is Form.TEXT:
        return [(max(re.findall("[A-Za-z ]+", term.forbidden), key=len), term.forbidden)]
    return []


def _path_expressions(term: Term) -> list[tuple[str, str]]:
    """Return what matches a term in a path, and what the path must have for it."""
    word = re.escape(term.forbidden)
    if term.form is Form.NAME:
        return [(term.forbidden, rf"(?<![A-Za-z0-9]){word}(?![A-Za-z0-9])")]
    if term.form is Form.MODULE:
        path = term.forbidden.replace(".", "/")
        return [(path, rf"\b{path}(?=\.py$|/)")]
    if term.form is Form.FILE:
        return [(term.forbidden, rf"(?<![^/]){word}$")]
    return []


@cache
def _finder(scopes: frozenset[str]) -> Finder:
    """Return what finds the terms of some scopes, and those that are forbidden everywhere."""
    terms_there = [term for term in TERMS if not term.scope or scopes.intersection(term.scope)]

    def compiled(
        expressions: Callable[[Term], list[tuple[str, str]]],
    ) -> list[tuple[str, re.Pattern[str], Term]]:
        return [
            (required, re.compile(expression, re.MULTILINE), term)
            for term in terms_there
            for required, expression in expressions(term)
        ]

    return Finder(
        {term.forbidden.lower(): term for term in terms_there if term.form is Form.WORD},
        compiled(_expressions),
        compiled(_code_expressions),
        compiled(_path_expressions),
    )


def _code_expressions(term: Term) -> list[tuple[str, str]]:
    """Return what matches a term in code, and what the code must have for it."""
    if term.form is not Form.CODE:
        return []
    # A module of that name has an entry of its own.
    return [(term.forbidden, rf"(?<!actionhero\.)\b{term.forbidden}\b")]


_SCOPES = sorted({scope for term in TERMS for scope in term.scope})


def _is_allowed(line: str, start: int, end: int, path: str) -> bool:
    """Return whether a use within a line, or a path, is legitimate."""
    return any(
        use.start() <= start and end <= use.end()
        for allowed in ALLOWED
        if not allowed.scope or path.startswith(allowed.scope)
        for use in re.finditer(allowed.text, line)
    )


def violations(source: Source) -> list[Violation]:
    """Return the forbidden terms of a file, in the order of their lines."""
    finder = _finder(frozenset(scope for scope in _SCOPES if source.path.startswith(scope)))
    found = {
        Violation(source.path, 1, source.path[start:end], term.standard)
        for start, end, term in finder.in_path(source.path)
        if not _is_allowed(source.path, start, end, source.path)
    }
    for text, occurrences in (
        (source.text, finder.in_text(source.text)),
        (source.code, finder.in_code(source.code)),
    ):
        for start, end, term in occurrences:
            number = source.line(end - 1)
            offset = source.starts[number - 1]
            line = source.text[offset:].partition("\n")[0]
            if not _is_allowed(line, max(start - offset, 0), end - offset, source.path):
                forbidden = (
                    text[start:end].split()[-1] if term.form is Form.SETTING else text[start:end]
                )
                found.add(Violation(source.path, number, forbidden, term.standard))
    return sorted(found, key=lambda violation: (violation.line, violation.forbidden))


def matches(source: Source, construction: Construction) -> list[Match]:
    """Return the uses of a construction in the prose of a file."""
    found = []
    for passage in source.prose:
        standard = [use.span() for use in construction.standard.finditer(passage.text)]
        for match in construction.pattern.finditer(passage.text):
            if any(start <= match.start() and match.end() <= end for start, end in standard):
                continue
            line = passage.line + passage.text.count("\n", 0, match.start())
            sentence = _sentence(passage.text, match)
            found.append(Match(source.path, min(line, passage.last_line), sentence))
    return found


#: Also of the rows of a table, and of the items of a list.
_ENDS_OF_SENTENCES = re.compile(r"(?<=[.!?])\s|\n\s*\n|\n\s*(?=[|#*-])")


def _sentence(text: str, match: re.Match[str]) -> str:
    """Return the sentence around a match, with the match between asterisks."""
    before = _ENDS_OF_SENTENCES.split(text[: match.start()])[-1]
    after = _ENDS_OF_SENTENCES.split(text[match.end() :])[0]
    return " ".join(f"{before}*{match[0]}*{after}".split())


@dataclass
class Counts:
    """The counts of a package."""

    words: int = 0
    metaphors: int = 0
    constructions: Counter[str] = field(default_factory=Counter)

    def per_1000(self, name: str) -> float:
        """Return how often a construction is used per 1,000 words."""
        return 1000 * self.constructions[name] / self.words if self.words else 0.0

    def add(self, other: Counts) -> None:
        """Add the counts of another package."""
        self.words += other.words
        self.metaphors += other.metaphors
        self.constructions.update(other.constructions)


@dataclass
class Report:
    """The findings of a scan."""

    violations: list[Violation] = field(default_factory=list)
    matches: dict[str, list[Match]] = field(default_factory=dict)
    packages: dict[str, Counts] = field(default_factory=dict)

    @property
    def total(self) -> Counts:
        """The counts of all packages."""
        total = Counts()
        for counts in self.packages.values():
            total.add(counts)
        return total

    def excess(self, construction: Construction) -> list[str]:
        """Return where a construction is over its limit: packages, and the whole repository.

        A small package is allowed three uses.
        """
        name, limit = construction.name, construction.limit_per_1000
        over = [
            package
            for package, counts in sorted(self.packages.items())
            if counts.per_1000(name) > limit and counts.constructions[name] > 3
        ]
        if self.total.per_1000(name) > limit:
            over.append("the whole repository")
        return over

    @property
    def table(self) -> str:
        """The counts per 1,000 words of each package, as text."""
        names = [construction.name for construction in CONSTRUCTIONS]
        lines = [f"{'':32}{'words':>8}" + "".join(f"{name:>10}" for name in [*names, "metaphors"])]
        for package, counts in [*sorted(self.packages.items()), ("total", self.total)]:
            rates = "".join(f"{counts.per_1000(name):>10.2f}" for name in names)
            lines.append(f"{package:32}{counts.words:>8}{rates}{counts.metaphors:>10}")
        limits = "".join(f"{each.limit_per_1000:>10.2f}" for each in CONSTRUCTIONS)
        return "\n".join([*lines, f"{'limit per 1,000 words':40}{limits}{0:>10}"])


def scan(sources: Iterable[Source]) -> Report:
    """Scan files."""
    report = Report(matches={construction.name: [] for construction in CONSTRUCTIONS})
    for source in sources:
        counts = report.packages.setdefault(source.package, Counts())
        forbidden = violations(source)
        report.violations += forbidden
        counts.metaphors += len(forbidden)
        counts.words += sum(len(WORD.findall(passage.text)) for passage in source.prose)
        for construction in CONSTRUCTIONS:
            found = matches(source, construction)
            report.matches[construction.name] += found
            counts.constructions[construction.name] += len(found)
    return report


def read_sources(root: Path = ROOT, under: Sequence[str] = ()) -> Iterator[Source]:
    """Yield the files of the repository, or those that are `under` given paths."""
    for path in tracked_files(root):
        if not under or any(path == top or path.startswith(f"{top}/") for top in under):
            yield Source(path, (root / path).read_text("utf-8", errors="replace"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the violations and the counts; return 1 when something is over a limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.add_argument("--summary", action="store_true", help="print the counts alone")
    parser.add_argument(
        "--list", choices=[each.name for each in CONSTRUCTIONS], dest="construction"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="scan another repository")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    under = [path.resolve().relative_to(root).as_posix() for path in options.paths]
    report = scan(read_sources(root, [] if "." in under else under))
    if options.construction:
        print(*report.matches[options.construction], sep="\n")
        return 0
    if not options.summary:
        print(*report.violations, sep="\n")
    print(report.table)
    return int(bool(report.violations) or any(map(report.excess, CONSTRUCTIONS)))


if __name__ == "__main__":
    sys.exit(main())
