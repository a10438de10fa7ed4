"""The strict JSON reader, and the writers with and without orjson."""

from __future__ import annotations

import codecs
import dataclasses
import json as standard_json
import math
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
from actionhero.transport import find_unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    Writer = Callable[[Any], bytes]

SUITE = Path(__file__).parent / "json_suite" / "test_parsing.zip"
with zipfile.ZipFile(SUITE) as archive:
    CASES = {name.removesuffix(".json"): archive.read(name) for name in archive.namelist()}

TOO_DEEP = "the JSON document is nested deeper than 64 levels"
BOM_MESSAGE = "Invalid JSON: it starts with a byte order mark (BOM) of {}; send UTF-8 without a BOM"
ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def read(data: bytes) -> Any:
    """Parse like an action that validates from bytes: `check`, then pydantic."""
    if json.check(data):
        return json.loads(data)
    try:
        return ANYTHING.validate_json(data)
    except ValidationError as error:
        if error.errors()[0]["type"] != "json_invalid":  # would be an input error
            raise
        return json.loads(data)


def read_without_orjson(data: bytes) -> Any:
    """Parse as if orjson were not installed."""
    with patch.object(json, "orjson", None):
        return json.loads(data)


READERS: dict[str, Callable[[bytes], Any]] = {
    "loads": json.loads,
    "loads without orjson": read_without_orjson,
    "check and pydantic": read,
}


@pytest.fixture(params=list(READERS))
def reader(request: pytest.FixtureRequest) -> Callable[[bytes], Any]:
    """Return each of the ways to parse."""
    return READERS[request.param]


def outcome(reader: Callable[[bytes], Any], data: bytes) -> tuple[str, str]:
    """Return the value with its types and all digits, or the error message."""
    try:
        return "accepted", repr(reader(data))
    except MalformedRequest as error:
        return "refused", error.message


@pytest.fixture(params=sorted(json.ENGINES))
def write(request: pytest.FixtureRequest) -> Writer:
    """Return each of the writers."""
    return json.ENGINES[request.param]


# -- reading -----------------------------------------------------------------------------------


def test_the_public_suite_is_complete() -> None:
    """All 318 files of the suite are tested."""
    kinds = [name[0] for name in CASES]

    assert {kind: kinds.count(kind) for kind in kinds} == {"i": 35, "n": 188, "y": 95}


@pytest.mark.parametrize("name", [name for name in CASES if name[0] == "y"])
def test_valid_json_is_parsed(name: str, reader: Callable[[bytes], Any]) -> None:
    """All valid JSON is accepted. Inputs refuse NUL, with a pointer."""
    assert reader(CASES[name]) == standard_json.loads(CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if name[0] == "n"])
def test_invalid_json_is_refused(name: str, reader: Callable[[bytes], Any]) -> None:
    """Invalid JSON is a malformed request. Two documents are nested too deep for a closer look."""
    with pytest.raises(MalformedRequest, match=rf"^Invalid JSON: |^{TOO_DEEP}$"):
        reader(CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if name[0] == "i"])
def test_implementation_defined_json_is_treated_alike(name: str) -> None:
    """Where the standard is open, all ways to parse agree."""
    outcomes = {outcome(reader, CASES[name]) for reader in READERS.values()}

    assert len(outcomes) == 1


#: Valid and invalid numbers: long ones, tiny ones, with and without exponents.
NUMBERS = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).map(lambda document: standard_json.dumps(document, ensure_ascii=False))


@given(st.one_of(NUMBERS, DOCUMENTS).map(str.encode) | st.binary())
def test_parsing_is_the_same_with_and_without_orjson(data: bytes) -> None:
    """The same digits, and the same error messages."""
    assert outcome(json.loads, data) == outcome(read_without_orjson, data)


@given(st.one_of(NUMBERS, DOCUMENTS).map(str.encode) | st.binary())
def test_plain_documents_contain_nothing_that_inputs_refuse(data: bytes) -> None:
    """They are parsed as all others."""
    value = json.loads_plain(data)

    assert value is None or value == json.loads(data)
    assert find_unsupported({"value": value}) == []


@pytest.mark.parametrize(
    "data",
    [b'{"a":"\\u0000"}', b'{"a":1e999}', b'{"a":1234567890123456789}', b'{"a":NaN}', b"{", b"["*65],
    ids=["NUL", "infinity", "long integer", "NaN", "incomplete", "deep"],
)  # fmt: skip
def test_other_documents_are_left_to_the_strict_parser(data: bytes) -> None:
    """Those with escapes, large ones, and invalid ones."""
    assert json.loads_plain(data) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b'{"a": 1,}', "Invalid JSON: trailing comma at line 1 column 9"),
        (b'{"a":\n nul}', "Invalid JSON: expected ident at line 2 column 5"),
        (b"\xef\xbb\xbf{}", BOM_MESSAGE.format("UTF-8")),
        ('{"a":1}'.encode("utf-16"), BOM_MESSAGE.format("UTF-16")),
        (codecs.BOM_UTF16_BE + '{"a":1}'.encode("utf-16-be"), BOM_MESSAGE.format("UTF-16")),
        (b'"\xff"', "Invalid JSON: it is not UTF-8, at line 1 column 2"),
        ('{"name": "Zoë"}'.encode("latin-1"), "Invalid JSON: it is not UTF-8, at line 1 column 13"),
        ('{"a":1}'.encode("utf-16-le"), "Invalid JSON: key must be a string at line 1 column 2"),
        (b"[NaN]", "Invalid JSON: expected value at line 1 column 2"),
        (b"[Infinity]", "Invalid JSON: expected value at line 1 column 2"),
        (b"[-Infinity]", "Invalid JSON: invalid number at line 1 column 3"),
        (b'["\\ud800", NaN]', "Invalid JSON: NaN is not JSON"),
        (b'["\\ud800" 1]', "Invalid JSON: Expecting ',' delimiter: line 1 column 11 (char 10)"),
        (b"[" * 65 + b"]" * 65, TOO_DEEP),
        (b'{"a":' * 65 + b"1" + b"}" * 65, TOO_DEEP),
        (b"[[]," * 65 + b"1" + b"]" * 65, TOO_DEEP),
        (b'["]",' * 65 + b"1" + b"]" * 65, TOO_DEEP),
        (b'["\\"]\\\\",' * 65 + b"1" + b"]" * 65, TOO_DEEP),
        (b"[" * 100_000, TOO_DEEP),
    ],
)
def test_the_message_has_the_fault_and_the_position(
    data: bytes, message: str, reader: Callable[[bytes], Any]
) -> None:
    """The sender can find the place."""
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
        b'["\\ud800", "\\udc00\\ud800"]',
        b'{"\\u0000": "\\\\\\u0000"}',
        b"[1e999, -1.5E+000309]",
        b"[" + b"1" * 400 + b".5, " + b"1" * 250 + b"e99]",
    ],
)
def test_values_at_the_limits_are_accepted(data: bytes, reader: Callable[[bytes], Any]) -> None:
    """Brackets, numbers and names inside text are text; limits may be reached."""
    value = reader(data)

    assert value == standard_json.loads(data)


def test_text_is_parsed_like_bytes() -> None:
    """WebSocket messages are text."""
    value = json.loads('{"name": "Zoë"}')

    assert value == {"name": "Zoë"}


def test_huge_integers_are_infinities() -> None:
    """Python converts 4300 digits at most; inputs refuse infinities, with a pointer."""
    for read in READERS.values():
        assert read(b"[1, " + b"1" * 4301 + b", -" + b"1" * 9999 + b"]") == [1, math.inf, -math.inf]


def test_text_with_a_lone_surrogate_is_refused() -> None:
    """Such text cannot be encoded as UTF-8."""
    with pytest.raises(MalformedRequest, match="it is not UTF-8, at line 2 column 2"):
        json.loads('["a",\n"\ud800"]')


def test_the_message_contains_no_content() -> None:
    """An invalid document may contain a password."""
    for data in (b'{"password": "hunter22"', b'{"password": hunter22}', b'{"hunter22\\u0000": }'):
        with pytest.raises(MalformedRequest) as refusal:
            json.loads(data)

        assert "hunter" not in str(refusal.value)


@given(st.binary())
def test_any_bytes_are_accepted_or_refused(data: bytes) -> None:
    """The only error is a malformed request."""
    results: list[Any] = []
    for reader in (json.loads, read):
        try:
            results.append(repr(reader(data)))
        except MalformedRequest:
            results.append(None)

    assert results[0] == results[1]


def depth(value: Any) -> int:
    """Return the nesting depth of lists and dictionaries."""
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
def test_the_depth_limit_is_exact(value: Any, levels: int) -> None:
    """64 levels are accepted and 65 are not, for any document."""
    for _ in range(levels):
        value = [value, "[" * 70]
    data = standard_json.dumps(value).encode()

    if depth(value) > json.MAX_DEPTH:
        with pytest.raises(MalformedRequest, match="nested deeper than 64 levels"):
            json.check(data)
    else:
        json.check(data)


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
        (datetime(2026, 1, 2), '"2026-01-02T00:00:00"'),  # noqa: DTZ001 - without time zone on purpose
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
        # With an explicit id: parallel test processes need the same names.
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
def test_all_writers_write_python_types_alike(write: Writer, value: Any, expected: str) -> None:
    """The output is the same, byte by byte, with and without orjson."""
    if isinstance(value, dict) and not isinstance(value.get("a", ""), str):
        value = {**value, "a": (n for n in [1, 2])}  # a generator is exhausted after one test

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
def test_all_writers_write_the_same_bytes(value: Any) -> None:
    """Installing orjson makes responses faster without changing them."""
    outputs = {write(value) for write in json.ENGINES.values()}

    assert len(outputs) == 1
    standard_json.loads(outputs.pop())


def test_dumps_uses_one_of_the_writers() -> None:
    """The tests of the writers cover `dumps`."""
    data = json.dumps({"when": datetime(2026, 1, 2, tzinfo=UTC)})

    assert data == b'{"when":"2026-01-02T00:00:00Z"}'


def test_json_is_written_without_orjson() -> None:
    """It is an optional dependency."""
    program = """
import sys
sys.modules["orjson"] = None
from actionhero import json
assert list(json.ENGINES) == ["pydantic-core"]
print(json.dumps({"id": 7}).decode())
"""

    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert process.stdout == '{"id":7}\n'


def test_the_error_names_the_type_of_an_unsupported_value(write: Writer) -> None:
    """The message also lists the supported types."""
    with pytest.raises(TypeError) as refusal:
        write({"a": [object()]})

    assert str(refusal.value) == (
        "a value of type 'object' cannot be written as JSON; "
        "return plain data, a dataclass or a pydantic model"
    )


def test_bytes_that_are_not_utf_8_are_refused(write: Writer) -> None:
    """Other bytes are written as text."""
    with pytest.raises(TypeError, match="a value of type 'bytes' cannot be written as JSON"):
        write(b"\xff")


def test_a_value_that_contains_itself_is_refused(write: Writer) -> None:
    """It has infinite depth."""
    value: list[Any] = []
    value.append(value)

    with pytest.raises(TypeError) as refusal:
        write(value)

    assert str(refusal.value) == (
        "a value that contains itself, or is nested too deep, cannot be written as JSON"
    )


def test_a_generator_beside_a_lone_surrogate_is_refused(write: Writer) -> None:
    """The second attempt would find the generator exhausted."""
    with pytest.raises(TypeError) as refusal:
        write([(n for n in [1]), "\ud800"])

    assert str(refusal.value) == (
        "a value of type 'generator' cannot be written as JSON here; return a list"
    )


def test_pretty_json_has_two_spaces_and_a_final_line_break() -> None:
    """Clients of the original ActionHero expect this format."""
    data = json.dumps_pretty({"a": [1, {}], "b": Names(["x\ud800"]), "c": []})

    assert data == (
        b'{\n  "a": [\n    1,\n    {}\n  ],\n  "b": [\n    "x\xef\xbf\xbd"\n  ],\n  "c": []\n}\r\n'
    )


def test_pretty_json_refuses_the_same_values() -> None:
    """Both formats have the same rules."""
    with pytest.raises(TypeError, match="a value of type 'object' cannot be written as JSON"):
        json.dumps_pretty(object())
