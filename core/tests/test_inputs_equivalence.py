"""Inputs mean the same however they arrive, for all types of pydantic and values of JSON."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import pathlib
import re
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NoReturn

import pytest
from pydantic import (
    AfterValidator,
    Base64Bytes,
    BaseModel,
    ByteSize,
    DirectoryPath,
    FilePath,
    HttpUrl,
    Json,
    NaiveDatetime,
    NewPath,
    PositiveInt,
    RootModel,
    SecretStr,
    StrictInt,
    StrictStr,
    create_model,
    model_validator,
)
from typing_extensions import TypeAliasType

from actionhero import Field, InvalidInput, Secret, TypedError
from actionhero.inputs.error_estimates import Detail, ErrorEstimate
from actionhero.inputs.payloads import (
    FormFields,
    JsonPayload,
    MixedPayload,
    ParsedPayload,
    TextPayload,
)
from actionhero.inputs.schema import InputSchema

if TYPE_CHECKING:
    from actionhero.inputs.payloads import Payload


class Mixed(enum.Enum):
    ONE = 1
    X = "x"
    HALF = 2.5


class Number(enum.IntEnum):
    ONE = 1


class Text(enum.StrEnum):
    A = "a"


class Bits(enum.Flag):
    A = 1
    B = 2


class Point(NamedTuple):
    x: int
    y: int = 0


class Rows(RootModel[list["Rows"]]):
    pass


Nested = TypeAliasType("Nested", "int | list[Nested] | dict[str, Nested]")


class Dated(BaseModel):
    x: int
    d: datetime.date | None = None


class Two(BaseModel):
    kind: Literal["m2"]
    n: Dated | None = None


class Three(BaseModel):
    kind: Literal["m3"]
    v: list[datetime.date] = []


class Four(BaseModel):
    kind: Literal[Mixed.ONE]


class Five(BaseModel):
    kind: Literal[Mixed.X]


class Renamed(BaseModel):
    """Its validator changes its argument, and fails on one that it has changed."""

    x: int
    rest: list[Any] = []

    @model_validator(mode="before")
    @classmethod
    def rename(cls, data: Any) -> Any:
        if isinstance(data, dict) and data:
            if "renamed" in data:
                raise RuntimeError("validated a changed value")
            data["renamed"] = data.pop("a", data.get("x"))
            data.setdefault("x", data["renamed"])
        return data


TYPES: list[Any] = [
    int, str, float, bool, bytes, complex, object, None, Any, datetime.date, datetime.datetime,
    datetime.time, datetime.timedelta, decimal.Decimal, fractions.Fraction, uuid.UUID, Mixed,
    Number, Text, pathlib.Path, ipaddress.IPv4Address, HttpUrl, SecretStr,
    Secret[str], StrictStr, StrictInt, PositiveInt, ByteSize, Base64Bytes, NaiveDatetime,
    Annotated[int, Field(multiple_of=2)], list[int], list[datetime.date], set[int], frozenset[str],
    tuple[int, str], tuple[int, ...], deque[int], Sequence[int], dict[str, int],
    dict[int, str], dict[str, datetime.date], Mapping[str, int], Dated, list[Dated], Dated | Two,
    Annotated[Two | Three, Field(discriminator="kind")], Literal[1, "a", True], int | str,
    int | None, str | list[int], datetime.date | int, float | int, bool | int, Json[list[int]],
    Json[dict[str, Any]], Bits, Iterable[int], re.Pattern[str], FilePath, Literal[Mixed.ONE, "a"],
    Annotated[Four | Five, Field(discriminator="kind")], Rows, Nested, Point,
    Counter[str], OrderedDict[str, int], defaultdict[str, int], Renamed, list[Renamed],
]  # fmt: skip
VALUES: list[Any] = [
    0, 1, 2, -1, 1.0, 1.5, 1e20, 2**70, True, False, None, "", "a", "x", "1", "1.5", "true", "nan",
    "1e400", "2026-01-02", "2026-01-02T03:04:05Z", "03:04", "PT1S", "P1D", str(uuid.UUID(int=1)),
    "[1]", '["a"]', "https://a.example/", "127.0.0.1", "YQ==", "1 KB", "1/2", [], [1], ["1"], [1.0],
    ["2026-01-02"], [1, "a"], [[1]], [None], [{"x": 1}], {}, {"x": 1}, {"x": "1"},
    {"x": 1, "d": "2026-01-02"}, {"kind": "m2"}, {"kind": "m2", "n": {"x": 1.0}},
    {"kind": "m3", "v": ["2026-01-01"]}, {"kind": "zz"}, {"a": 1}, {"1": "x"}, {"a": "2026-01-02"},
    {"a": None}, {"kind": 1}, {"kind": "x"}, 3, "a" * 5000, "a{99999999999}", [[]],
]  # fmt: skip


def outcome(schema: InputSchema, payload: Payload) -> Any:
    """Return the inputs, or the type and the problems of the error."""
    try:
        return repr(payload.parse(schema))
    except TypedError as error:
        return type(error), error.message, error.key, error.problems


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_json_means_the_same_alone_parsed_and_beside_texts(type_: Any) -> None:
    """The same inputs, or the same problems with the same messages."""
    schema = InputSchema(create_model("One", value=(type_, ...), other=(int, 0)))
    for value in VALUES:
        body = json.dumps({"value": value}).encode()
        expected = outcome(schema, JsonPayload(body))

        assert outcome(schema, ParsedPayload({"value": value})) == expected, value
        assert outcome(schema, MixedPayload({"other": ["0"]}, body, {})) == expected, value
        assert outcome(schema, MixedPayload({}, {"value": value}, {"other": ["0"]})) == expected


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_inputs_of_any_size_mean_the_same(
    type_: Any, detail: Detail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large ones are validated by schemas with fewer errors first."""
    model = create_model("One", value=(type_, ...), other=(int, 0))
    small, large = InputSchema(model), InputSchema(model)
    estimate = large._validation._estimate
    estimate.small_length = -1
    monkeypatch.setattr(ErrorEstimate, "detail", lambda *_: detail)
    for value in VALUES:
        body = json.dumps({"value": value}).encode()
        for payload in (
            JsonPayload(body),
            ParsedPayload({"value": value}),
            MixedPayload({"other": ["0"]}, body, {}),
            TextPayload({"value": [value if isinstance(value, str) else json.dumps(value)]}),
        ):
            expected, result = outcome(small, payload), outcome(large, payload)

            if isinstance(expected, str) or detail is Detail.ALL:
                assert result == expected, value
            else:
                assert result[0] is expected[0]


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_texts_mean_the_same_alone_and_beside_json(type_: Any) -> None:
    """From a query, a path and a form."""
    schema = InputSchema(create_model("One", value=(type_, ...), other=(int, 0)))
    for value in VALUES:
        texts = {"value": [value if isinstance(value, str) else json.dumps(value)]}
        expected = outcome(schema, TextPayload(texts))

        for payload in (
            MixedPayload(texts, b"", {}),
            MixedPayload({}, FormFields(texts), {}),
            MixedPayload({}, b'{"other": 0}', texts),
            # An empty text in a path is absent: it overrides nothing.
            MixedPayload(texts, b'{"value": {}, "other": 0}' if value != "" else b"", {}),
        ):
            assert outcome(schema, payload) == expected, value


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (Bits, 3, Bits.A | Bits.B),
        (Bits, 0, Bits(0)),
        (Iterable[int], [1, 2], [1, 2]),
        (Literal[Mixed.ONE, "a"], 1, Mixed.ONE),
        (Literal[Mixed.X], "x", Mixed.X),
        (Annotated[Four | Five, Field(discriminator="kind")], {"kind": 1}, Four(kind=Mixed.ONE)),
        (Annotated[Four | Five, Field(discriminator="kind")], {"kind": "x"}, Five(kind=Mixed.X)),
        (Point, [1, 2], Point(1, 2)),
        (Point, {"x": 1}, Point(1)),
        (Counter[str], {"a": 2}, Counter("aa")),
        (OrderedDict[str, int], {"b": 1, "a": 2}, OrderedDict(b=1, a=2)),
        (defaultdict[str, list[int]], {"a": [1]}, {"a": [1]}),
        (Rows, [[], [[]]], Rows.model_validate([[], [[]]])),
        (Nested, [1, {"a": [2]}], [1, {"a": [2]}]),
    ],
)
def test_values_of_types_that_pydantic_reads_differently(
    type_: Any, value: Any, expected: Any
) -> None:
    """Members of enumerations by their values, combined flags, named tuples, and mappings."""
    schema = InputSchema(create_model("One", value=(type_, ...)))
    text = json.dumps({"value": value})

    assert JsonPayload(text.encode()).parse(schema).value == expected
    text = value if isinstance(value, str) else json.dumps(value)
    assert TextPayload({"value": [text]}).parse(schema).value == expected


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("type_", [Bits, Number, Mixed, Literal[0, 1], Literal[Mixed.ONE]])
def test_booleans_are_no_members_of_enumerations_of_numbers(type_: Any, value: bool) -> None:
    """`Flag(False)` exists, and all later zeros would become `false`."""
    schema = InputSchema(create_model("One", value=(type_, ...)))

    with pytest.raises(InvalidInput):
        JsonPayload(json.dumps({"value": value}).encode()).parse(schema)


class Permissions(enum.IntFlag):
    READ = 1


def test_an_int_flag_is_any_integer() -> None:
    """As its schema says; a boolean is none."""
    schema = InputSchema(create_model("One", value=(Permissions, ...)))

    assert JsonPayload(b'{"value": -1}').parse(schema).value == Permissions(-1)
    assert JsonPayload(b'{"value": 8}').parse(schema).value == Permissions(8)
    with pytest.raises(InvalidInput):
        JsonPayload(b'{"value": true}').parse(schema)


@pytest.mark.parametrize("value", [-1, -4, 4])
def test_numbers_that_no_members_of_a_flag_make_are_refused(value: int) -> None:
    """`Flag(-1)` has all members."""
    schema = InputSchema(create_model("One", value=(Bits, ...)))

    for payload in (
        JsonPayload(json.dumps({"value": value}).encode()),
        TextPayload({"value": [str(value)]}),
    ):
        with pytest.raises(InvalidInput):
            payload.parse(schema)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (FilePath, "a" * 5000),
        (DirectoryPath, "a" * 5000),
        (NewPath, "a" * 5000),
        (list[FilePath], ["a" * 5000]),
        (re.Pattern[str], "a{99999999999}"),
        (re.Pattern[str], "(" * 5000 + ")" * 5000),
        (Iterable[int], ["a"]),
        (Iterable[int], "a"),
    ],
)
def test_values_that_the_validators_of_pydantic_cannot_handle_are_input_errors(
    type_: Any, value: Any
) -> None:
    """They raise `OSError`, `OverflowError` or `RecursionError`, or fail within `run`."""
    schema = InputSchema(create_model("One", value=(type_, ...)))

    with pytest.raises(InvalidInput) as raised:
        JsonPayload(json.dumps({"value": value}).encode()).parse(schema)

    assert raised.value.key == "value"
    assert raised.value.message


def test_errors_of_own_validators_are_no_input_errors() -> None:
    """Only the `ValueError` and the `AssertionError` of an author refuse a value."""

    def read(value: str) -> str:
        raise OSError("no disk")

    schema = InputSchema(create_model("One", value=(Annotated[str, AfterValidator(read)], ...)))

    with pytest.raises(OSError, match="no disk"):
        JsonPayload(b'{"value": "a"}').parse(schema)


def test_assertions_without_a_message_have_one() -> None:
    def check(value: int) -> NoReturn:
        # pytest adds a message to `assert`.
        raise AssertionError

    schema = InputSchema(create_model("One", value=(Annotated[int, AfterValidator(check)], ...)))

    with pytest.raises(InvalidInput, match="Input is not valid"):
        JsonPayload(b'{"value": 10}').parse(schema)


@pytest.mark.parametrize("type_", [Literal[Mixed.ONE, Mixed.X], Literal[Mixed.ONE, "x"]])
def test_errors_list_the_values_of_enumerations(type_: Any) -> None:
    """Clients know neither classes of Python nor their members."""
    schema = InputSchema(create_model("One", value=(type_, ...)))

    for payload in (JsonPayload(b'{"value": "zz"}'), TextPayload({"value": ["zz"]})):
        with pytest.raises(InvalidInput, match=r"^Input should be 1 or 'x'$") as raised:
            payload.parse(schema)
        assert "Mixed" not in raised.value.message


@pytest.mark.parametrize("text", ["2", "2.0"])
def test_a_text_is_a_member_of_an_enumeration_of_floats(text: str) -> None:
    """As the JSON numbers `2` and `2.0`."""

    class Version(enum.Enum):
        TWO = 2.0

    schema = InputSchema(create_model("One", value=(Version, ...)))

    assert TextPayload({"value": [text]}).parse(schema).value is Version.TWO
    assert JsonPayload(f'{{"value": {text}}}'.encode()).parse(schema).value is Version.TWO
