"""Inputs mean the same however they arrive, for all types of pydantic and values of JSON."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import pathlib
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import (
    Base64Bytes,
    BaseModel,
    ByteSize,
    HttpUrl,
    Json,
    NaiveDatetime,
    PositiveInt,
    SecretStr,
    StrictInt,
    StrictStr,
    create_model,
)

from actionhero import Field, Secret, TypedError
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


class Dated(BaseModel):
    x: int
    d: datetime.date | None = None


class Two(BaseModel):
    kind: Literal["m2"]
    n: Dated | None = None


class Three(BaseModel):
    kind: Literal["m3"]
    v: list[datetime.date] = []


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
    Json[dict[str, Any]],
]  # fmt: skip
VALUES: list[Any] = [
    0, 1, 2, -1, 1.0, 1.5, 1e20, 2**70, True, False, None, "", "a", "x", "1", "1.5", "true", "nan",
    "1e400", "2026-01-02", "2026-01-02T03:04:05Z", "03:04", "PT1S", "P1D", str(uuid.UUID(int=1)),
    "[1]", '["a"]', "https://a.example/", "127.0.0.1", "YQ==", "1 KB", "1/2", [], [1], ["1"], [1.0],
    ["2026-01-02"], [1, "a"], [[1]], [None], [{"x": 1}], {}, {"x": 1}, {"x": "1"},
    {"x": 1, "d": "2026-01-02"}, {"kind": "m2"}, {"kind": "m2", "n": {"x": 1.0}},
    {"kind": "m3", "v": ["2026-01-01"]}, {"kind": "zz"}, {"a": 1}, {"1": "x"}, {"a": "2026-01-02"},
    {"a": None},
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
