"""What the strict reader takes and refuses, and what is written, with and without orjson."""

from __future__ import annotations

import dataclasses
import json as standard_json
import subprocess
import sys
import zipfile
from collections import deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel, SecretStr, TypeAdapter, ValidationError

from actionhero import json
from actionhero.errors import ErrorType, MalformedRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    Writer = Callable[[Any], bytes]

SUITE = Path(__file__).parent / "json_suite" / "test_parsing.zip"
with zipfile.ZipFile(SUITE) as archive:
    CASES = {name.removesuffix(".json"): archive.read(name) for name in archive.namelist()}

#: Valid JSON that we refuse all the same, and why.
REFUSED = {
    "y_object_escaped_null_in_key": "a NUL character in a string",
    "y_string_null_escape": "a NUL character in a string",
}

ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def read(data: bytes) -> Any:
    """Read as a door does that validates from bytes: `check`, then pydantic."""
    json.check(data)
    try:
        return ANYTHING.validate_json(data)
    except ValidationError as error:
        detail = error.errors()[0]
        if detail["type"] != "json_invalid":  # would be told as an input error
            raise
        raise MalformedRequest(detail["msg"]) from None


def read_without_orjson(data: bytes) -> Any:
    """Read as where it is not installed."""
    with patch.object(json, "orjson", None):
        return json.loads(data)


READERS: dict[str, Callable[[bytes], Any]] = {
    "loads": json.loads,
    "loads without orjson": read_without_orjson,
    "check and pydantic": read,
}


@pytest.fixture(params=list(READERS))
def reader(request: pytest.FixtureRequest) -> Callable[[bytes], Any]:
    """Each of the ways to read."""
    return READERS[request.param]


def outcome(reader: Callable[[bytes], Any], data: bytes) -> tuple[str, str]:
    """Return what is read, with its types and every digit, or why it is refused."""
    try:
        return "read", repr(reader(data))
    except MalformedRequest as error:
        return "refused", error.message


@pytest.fixture(params=sorted(json.ENGINES))
def write(request: pytest.FixtureRequest) -> Writer:
    """Each of the two ways to write."""
    return json.ENGINES[request.param]


# -- reading -----------------------------------------------------------------------------------


def test_the_public_suite_is_whole() -> None:
    """All 318 files of the suite are looked at."""
    kinds = [name[0] for name in CASES]

    assert {kind: kinds.count(kind) for kind in kinds} == {"i": 35, "n": 188, "y": 95}


@pytest.mark.parametrize("name", [name for name in CASES if name[0] == "y"])
def test_valid_json_is_read(name: str, reader: Callable[[bytes], Any]) -> None:
    """What the standard calls JSON is taken, apart from what we say we refuse."""
    data = CASES[name]

    if name in REFUSED:
        with pytest.raises(MalformedRequest, match=REFUSED[name]):
            reader(data)
    else:
        assert reader(data) == standard_json.loads(data)


@pytest.mark.parametrize("name", [name for name in CASES if name[0] == "n"])
def test_invalid_json_is_refused(name: str, reader: Callable[[bytes], Any]) -> None:
    """What is not JSON is a malformed request, and nothing worse."""
    with pytest.raises(MalformedRequest, match=r"^Invalid JSON: "):
        reader(CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if name[0] == "i"])
def test_doubtful_json_is_read_alike_or_refused(name: str) -> None:
    """Where the standard leaves it open, all ways to read agree."""
    outcomes = {outcome(reader, CASES[name]) for reader in READERS.values()}

    assert len(outcomes) == 1


#: Numbers as JSON may have them, and worse: long ones, tiny ones, with and without exponents.
NUMBERS = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).map(lambda document: standard_json.dumps(document, ensure_ascii=False))


@given(st.one_of(NUMBERS, DOCUMENTS).map(str.encode) | st.binary())
def test_the_same_is_read_with_and_without_orjson(data: bytes) -> None:
    """To the last digit, and what is refused is refused for the same reason."""
    assert outcome(json.loads, data) == outcome(read_without_orjson, data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b'{"a": 1,}', "Invalid JSON: trailing comma at line 1 column 9"),
        (b'{"a":\n nul}', "Invalid JSON: expected ident at line 2 column 5"),
        (b"\xef\xbb\xbf{}", "Invalid JSON: expected value at line 1 column 1"),
        (b'"\xff"', "Invalid JSON: invalid unicode code point at line 1 column 2"),
        ('{"a":1}'.encode("utf-16-le"), "Invalid JSON: key must be a string at line 1 column 2"),
        (b"[NaN]", "Invalid JSON: expected value at line 1 column 2"),
        (b"[Infinity]", "Invalid JSON: expected value at line 1 column 2"),
        (b"[-Infinity]", "Invalid JSON: invalid number at line 1 column 3"),
        (b'["\\ud800"]', "Invalid JSON: unexpected end of hex escape at line 1 column 9"),
        (b'["a",\n"b\\u0000c"]', "Invalid JSON: a NUL character in a string at line 2 column 3"),
        (b'{"\\u0000":1}', "Invalid JSON: a NUL character in a string at line 1 column 3"),
        (b'["\\\\\\u0000"]', "Invalid JSON: a NUL character in a string at line 1 column 5"),
        (b"[1e999]", "Invalid JSON: a number too large for a float"),
        (b"[-1.5E+000309]", "Invalid JSON: a number too large for a float"),
        (b"[" + b"1" * 400 + b".5]", "Invalid JSON: a number too large for a float"),
        (b"[" + b"1" * 250 + b"e99]", "Invalid JSON: a number too large for a float"),
        (b"[" + b"1" * 4301 + b"]", "Invalid JSON: number out of range at line 1 column 4303"),
        (b"[" * 65 + b"]" * 65, "Invalid JSON: nested deeper than 64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "Invalid JSON: nested deeper than 64 levels"),
        (b"[[]," * 65 + b"1" + b"]" * 65, "Invalid JSON: nested deeper than 64 levels"),
        (b'["]",' * 65 + b"1" + b"]" * 65, "Invalid JSON: nested deeper than 64 levels"),
        (b'["\\"]\\\\",' * 65 + b"1" + b"]" * 65, "Invalid JSON: nested deeper than 64 levels"),
        (b"[" * 100_000, "Invalid JSON: nested deeper than 64 levels"),
    ],
)
def test_the_message_says_what_is_wrong_and_where(
    data: bytes, message: str, reader: Callable[[bytes], Any]
) -> None:
    """Whoever sent it can find the place."""
    with pytest.raises(MalformedRequest) as refusal:
        reader(data)

    assert refusal.value.message == message
    assert refusal.value.type is ErrorType.REQUEST_MALFORMED


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 64 + b"]" * 64,
        b'{"a":' * 64 + b"1" + b"}" * 64,
        b"[" + b"[[],{}]," * 100 + b"1]",
        b'["' + b"[" * 100 + b'"]',
        b'["\\"' + b"[{" * 100 + b'", "\\\\", "]"]',
        b'["NaN", "Infinity", "-Infinity", "Nora", "Ida"]',
        b'["1e999", "1234e5678", "\\"1e999"]',
        b'["\\\\u0000", "\\\\\\\\u0000"]',
        b"[1e308, 1E-999, 0e9999, 1e0000099]",
        b"[" + b"1" * 4300 + b"]",
        b"[1." + b"1" * 5000 + b"]",
        b'"' + b"1" * 5000 + b'e9999"',
        b'{"a": 1, "a": 2}',
        b'["\\ud83d\\ude00"]',
    ],
)
def test_what_only_looks_dangerous_is_read(data: bytes, reader: Callable[[bytes], Any]) -> None:
    """Brackets, numbers and names inside of text are text; limits may be reached."""
    value = reader(data)

    assert value == standard_json.loads(data)


def test_text_is_read_like_bytes() -> None:
    """A message of a WebSocket comes as text."""
    value = json.loads('{"name": "Zoë"}')

    assert value == {"name": "Zoë"}


def test_text_with_a_lone_surrogate_is_refused() -> None:
    """Such text cannot be written as UTF-8."""
    with pytest.raises(MalformedRequest) as refusal:
        json.loads('["a",\n"\ud800"]')

    assert refusal.value.message == "Invalid JSON: a lone surrogate at line 2 column 2"


def test_the_message_never_repeats_the_content() -> None:
    """What cannot be read may hold a password."""
    for data in (b'{"password": "hunter22"', b'{"password": hunter22}', b'{"hunter22\\u0000": 1}'):
        with pytest.raises(MalformedRequest) as refusal:
            json.loads(data)

        assert "hunter" not in str(refusal.value)


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing that a stranger sends is worse than a malformed request."""
    results: list[Any] = []
    for reader in (json.loads, read):
        try:
            results.append(repr(reader(data)))
        except MalformedRequest:
            results.append(None)

    assert results[0] == results[1]


def depth(value: Any) -> int:
    """Return how many lists and dictionaries stand inside one another."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(
    st.recursive(
        st.integers() | st.text('[]{}"\\a'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('[]{}"\\'), inner),
        max_leaves=80,
    ),
    st.integers(min_value=0, max_value=70),
)
def test_depth_is_measured_to_the_level(value: Any, levels: int) -> None:
    """64 levels are taken and 65 are not, whatever else is in the document."""
    for _ in range(levels):
        value = [value, "[" * 70]
    data = standard_json.dumps(value).encode()

    if depth(value) > json.MAX_DEPTH:
        with pytest.raises(MalformedRequest, match="nested deeper than 64 levels"):
            json.check(data)
    else:
        json.check(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[1234567890123456789]", True),
        (b"[-9223372036854775809]", True),
        (b"[123456789012345678]", False),
        (b'{"name": "Ada"}', False),
        (b'["1234567890123456789"]', True),
    ],
)
def test_an_integer_that_may_not_fit_is_seen(data: bytes, expected: bool) -> None:
    """A closer look is only taken where 19 digits stand in a row."""
    found = json.has_long_integer(data)

    assert found is expected


# -- writing -----------------------------------------------------------------------------------


class Color(Enum):
    RED = "red"


class Word(StrEnum):
    YES = "yes"


class Number(IntEnum):
    ONE = 1


@dataclasses.dataclass
class Point:
    x: int
    _hidden: str = "shown"


class Person(BaseModel):
    name: str
    born: date = date(1815, 12, 10)
    email: Annotated[str, Field(serialization_alias="eMail")] = "a@b.c"
    score: float = float("nan")
    password: SecretStr = SecretStr("hunter22")


class Names(RootModel[list[str]]):
    pass


Pair = namedtuple("Pair", "left right")

PERSON = b'{"name":"Ada","born":"1815-12-10","eMail":"a@b.c","score":null,"password":"**********"}'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"id": 7, "name": "Zoë", "ok": True}, '{"id":7,"name":"Zoë","ok":true}'),
        (None, "null"),
        ([], "[]"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '"2026-01-02T03:04:05Z"'),
        (datetime(2026, 1, 2, 3, 4, 5, 60_000, tzinfo=UTC), '"2026-01-02T03:04:05.060000Z"'),
        (
            datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-5))),
            '"2026-01-02T00:00:00-05:00"',
        ),
        (datetime(2026, 1, 2), '"2026-01-02T00:00:00"'),  # noqa: DTZ001 - it is what is tested
        (date(2026, 1, 2), '"2026-01-02"'),
        (time(1, 2, 3), '"01:02:03"'),
        (time(0, 0, 0, 10_000), '"00:00:00.010000"'),
        (time(1, 2, 3, tzinfo=UTC), '"01:02:03Z"'),
        (timedelta(minutes=90), '"PT1H30M"'),
        (timedelta(days=-1), '"-P1D"'),
        (UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
        (Decimal("1.50"), '"1.50"'),
        ([Color.RED, Word.YES, Number.ONE], '["red","yes",1]'),
        (b"abc", '"abc"'),
        (Path("/a/b"), '"/a/b"'),
        ({3}, "[3]"),
        (frozenset(), "[]"),
        ((1, 2), "[1,2]"),
        (Pair(1, 2), "[1,2]"),
        (deque([1, 2]), "[1,2]"),
        (Point(1), '{"x":1,"_hidden":"shown"}'),
        (Person(name="Ada"), PERSON.decode()),
        ({"people": [Person(name="Ada")]}, f'{{"people":[{PERSON.decode()}]}}'),
        (Names(["Ada"]), '["Ada"]'),
        (SecretStr("hunter22"), '"**********"'),
        ([float("nan"), float("inf"), float("-inf")], "[null,null,null]"),
        ([2**63, 2**64, -(2**80)], f"[{2**63},{2**64},{-(2**80)}]"),
        ({1: "a", 1.5: "b", date(2026, 1, 2): "c"}, '{"1":"a","1.5":"b","2026-01-02":"c"}'),
        ({True: 1, None: 2, Word.YES: 3}, '{"true":1,"None":2,"yes":3}'),
        # With an id of its own: workers that share the tests have to find the same names.
        pytest.param(
            {"a": (n for n in [1, 2]), "b": 2**70}, f'{{"a":[1,2],"b":{2**70}}}', id="generator"
        ),
        ("\x00\n\x1f\x7f\u2028\"\\/", '"\\u0000\\n\\u001f\x7f\u2028\\"\\\\/"'),
        ([1e16, 1e-7, 1.0, -0.0, 1e22], "[1e+16,1e-7,1.0,-0.0,1e+22]"),
        ("a\ud800b", '"a\ufffdb"'),
        ({"\udc00": ["\ud83d\ude00"]}, '{"\ufffd":["😀"]}'),
        ({"a": "\ud800", "b": 2**70, 3: {Color.RED}}, f'{{"a":"\ufffd","b":{2**70},"3":["red"]}}'),
        (Names(["\ud800"]), '["\ufffd"]'),
        (Person(name="\ud800"), PERSON.decode().replace("Ada", "\ufffd")),
        ([Point(1, "\ud800")], '[{"x":1,"_hidden":"\ufffd"}]'),
    ],
    ids=repr,
)  # fmt: skip
def test_all_that_python_has_is_written_alike(write: Writer, value: Any, expected: str) -> None:
    """An answer is the same, byte by byte, whether orjson is installed or not."""
    if isinstance(value, dict) and not isinstance(value.get("a", ""), str):
        value = {**value, "a": (n for n in [1, 2])}  # a generator can be read by one test only

    data = write(value)

    assert data.decode() == expected


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.text(st.characters(categories=["Cs", "Cc", "L"]))
        | st.datetimes()
        | st.datetimes(timezones=st.timezones())
        | st.datetimes(timezones=st.just(UTC))
        | st.dates()
        | st.times()
        | st.timedeltas()
        | st.uuids()
        | st.decimals(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    )
)
def test_every_engine_writes_the_same(value: Any) -> None:
    """Installing orjson makes answers faster and changes nothing in them."""
    written = {write(value) for write in json.ENGINES.values()}

    assert len(written) == 1
    standard_json.loads(written.pop())


def test_one_of_the_engines_writes() -> None:
    """`dumps` is what the test above is about."""
    data = json.dumps({"when": datetime(2026, 1, 2, tzinfo=UTC)})

    assert data == b'{"when":"2026-01-02T00:00:00Z"}'


def test_json_is_written_without_orjson() -> None:
    """It is an extra: nobody has to install it."""
    program = """
import sys
sys.modules["orjson"] = None
from actionhero import json
assert list(json.ENGINES) == ["pydantic-core"]
print(json.dumps({"id": 7}).decode())
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == '{"id":7}\n'


def test_what_cannot_be_written_is_named(write: Writer) -> None:
    """The author learns which type it was."""
    with pytest.raises(TypeError) as refusal:
        write({"a": [object()]})

    assert str(refusal.value) == (
        "a value of type 'object' cannot be written as JSON; "
        "return plain data, a dataclass or a pydantic model"
    )


def test_bytes_that_are_no_text_are_refused(write: Writer) -> None:
    """Bytes are written as the UTF-8 that they are, or not at all."""
    with pytest.raises(TypeError, match="a value of type 'bytes' cannot be written as JSON"):
        write(b"\xff")


def test_a_value_that_contains_itself_is_refused(write: Writer) -> None:
    """It would have no end."""
    value: list[Any] = []
    value.append(value)

    with pytest.raises(TypeError) as refusal:
        write(value)

    assert str(refusal.value) == (
        "a value that contains itself, or nests too deep, cannot be written as JSON"
    )


def test_a_generator_beside_a_lone_surrogate_is_refused(write: Writer) -> None:
    """A generator is read once; to write it as empty would be a lie."""
    with pytest.raises(TypeError) as refusal:
        write([(n for n in [1]), "\ud800"])

    assert str(refusal.value) == (
        "a value of type 'generator' cannot be written as JSON here; return a list"
    )


def test_pretty_json_has_two_spaces_and_ends_the_line() -> None:
    """The older clients expect it so."""
    data = json.dumps_pretty({"a": [1, {}], "b": Names(["x\ud800"]), "c": []})

    assert data == (
        b'{\n  "a": [\n    1,\n    {}\n  ],\n  "b": [\n    "x\xef\xbf\xbd"\n  ],\n  "c": []\n}\r\n'
    )


def test_pretty_json_refuses_what_compact_json_refuses() -> None:
    """Both ways to write have the same rules."""
    with pytest.raises(TypeError, match="a value of type 'object' cannot be written as JSON"):
        json.dumps_pretty(object())
