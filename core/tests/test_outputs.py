"""The return annotation as the contract of results: undeclared data, misfits, and encodings."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import pydantic.dataclasses
import pytest
from pydantic import (
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    SerializeAsAny,
    field_serializer,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from actionhero import (
    Action,
    Call,
    Conflict,
    Connection,
    ConnectionTypeNotFound,
    Event,
    Inputs,
    Middleware,
    Outcome,
    PluginError,
    Stream,
    TypedError,
    hookimpl,
)
from actionhero.action import RegisteredAction
from actionhero.app import App
from actionhero.cli.doctor import examine
from actionhero.health import Finding
from actionhero.inputs.payloads import EMPTY_PAYLOAD
from actionhero.outputs import OutputMismatch, OutputSchema, encode_outcome, outcome_value
from actionhero.settings import ActionsSettings, ErrorsSettings, read_sources
from actionhero.testing import running_app

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero.streams import Chunk, Item


class User(BaseModel):
    id: int
    name: str


class UserRow(User):
    password_hash: str


class UserDict(TypedDict):
    id: int
    name: str


class Card(TypedDict):
    owner: User
    others: list[User]


class Record:
    """An object with attributes, like the row of an ORM."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))
    first_name: str


@dataclasses.dataclass
class Point:
    x: int


@dataclasses.dataclass
class SecretPoint(Point):
    token: str


@dataclasses.dataclass
class Size:
    width: int


@dataclasses.dataclass
class Box:
    size: Size


class Frame(BaseModel):
    size: Size


@dataclasses.dataclass
class Aliased:
    name: Annotated[str, Field(alias="firstName")]


@pydantic.dataclasses.dataclass(config=ConfigDict(extra="allow"))
class OpenSize:
    width: int


class Validated(BaseModel):
    a: str = ""
    b: str = ""

    @field_validator("a")
    @classmethod
    def fail(cls, value: str) -> str:
        raise ValueError(f"refused: {value}")

    @field_validator("b")
    @classmethod
    def fail_otherwise(cls, value: str) -> str:
        raise PydanticCustomError("own", "refused: {value}", {"value": value})


class Serialized(BaseModel):
    a: int = 1

    @field_serializer("a")
    def fail(self, value: int) -> int:
        raise RuntimeError(f"secret {value}")


class FailingRecord:
    id = 1

    @property
    def name(self) -> str:
        raise RuntimeError("secret")


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


Tagged = Annotated[Cat | Dog, Field(discriminator="kind")]


def _failing_numbers() -> Iterator[int]:
    yield 1
    raise RuntimeError("secret")


Entry = TypeVar("Entry")


class Page(BaseModel, Generic[Entry]):
    items: list[Entry]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: int


class Color(enum.Enum):
    RED = "red"


class Tone(tuple[int, int, int], enum.Enum):
    RED = (255, 0, 0)


class Painted(BaseModel):
    tone: Tone


ROW = UserRow(id=1, name="Ada", password_hash="s3cret")
ADA = b'{"id":1,"name":"Ada"}'


def returning(annotation: Any, value: Any, *, after: Any = None, mode: Any = None) -> type[Action]:
    """Return an action with a return annotation and a result."""

    class After(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
            replaced: Outcome | None = after(outcome)
            return replaced

    class Show(Action):
        name = "show"
        middleware = [After()] if after else []
        validate_outputs = mode

        async def run(self, call: Call) -> Any:
            return value

    Show.run.__annotations__["return"] = annotation
    return Show


async def outcome_of(action: type[Action], *settings: Any) -> Outcome:
    """Return the outcome of a call of `action` as a transport receives it."""
    async with running_app(action, settings=settings) as app:
        return await app.app.pipeline.execute(Connection("test"), "show", EMPTY_PAYLOAD)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        pytest.param(User, ROW, ADA, id="subclass"),
        pytest.param(User, {"id": 1, "name": "Ada", "hash": "x"}, ADA, id="dict"),
        pytest.param(User, Record(id=1, name="Ada", hash="x"), ADA, id="attributes"),
        pytest.param(User | None, ROW, ADA, id="optional"),
        pytest.param(User | None, None, b"{}", id="none"),
        pytest.param(None, None, b"{}", id="annotated-none"),
        pytest.param(list[User], [ROW, {"id": 1, "name": "Ada"}], b"[%b,%b]" % (ADA, ADA),
                     id="list"),
        pytest.param(Sequence[User], (ROW,), b"[%b]" % ADA, id="sequence"),
        pytest.param(Iterable[User], [ROW], b"[%b]" % ADA, id="iterable"),
        pytest.param(dict[str, User], {"a": ROW}, b'{"a":%b}' % ADA, id="values"),
        pytest.param(tuple[User, int], (ROW, 2), b"[%b,2]" % ADA, id="tuple"),
        pytest.param(
            Card,
            {"owner": ROW, "others": [Record(id=1, name="Ada")], "x": 1},
            b'{"owner":%b,"others":[%b]}' % (ADA, ADA),
            id="typed-dict-of-models",
        ),
        pytest.param(UserDict, {"id": 1, "name": "Ada", "hash": "x"}, ADA, id="typed-dict"),
        pytest.param(Page[User], {"items": [ROW]}, b'{"items":[%b]}' % ADA, id="generic"),
        pytest.param(Page[User], Page(items=[ROW]), b'{"items":[%b]}' % ADA, id="other-generic"),
        pytest.param(User | UserDict, ROW, ADA, id="union"),
        pytest.param(int | User, {"id": 1, "name": "Ada", "x": 1}, ADA, id="union-of-dict"),
        pytest.param(Point, SecretPoint(1, "t"), b'{"x":1}', id="dataclass"),
        pytest.param(Point, {"x": 1}, b'{"x":1}', id="dict-for-dataclass"),
        pytest.param(Camel, {"first_name": "Ada"}, b'{"firstName":"Ada"}', id="alias"),
        pytest.param(Open, {"id": 1, "more": 2}, b'{"id":1,"more":2}', id="extra-allowed"),
        pytest.param(SerializeAsAny[User], ROW, ROW.model_dump_json().encode(), id="as-any"),
        pytest.param(dict[str, Any], {"a": [ROW]}, b'{"a":[%b]}' % ROW.model_dump_json().encode(),
                     id="declared-any"),
        pytest.param(Any, {"a": 1}, b'{"a":1}', id="any"),
        pytest.param(dict[str, SecretStr], {"a": SecretStr("x")}, b'{"a":"**********"}',
                     id="secret"),
        pytest.param(int, 2**70, str(2**70).encode(), id="big-integer"),
        pytest.param(list[float], [1.5, float("nan")], b"[1.5,null]", id="nan"),
        pytest.param(UserDict, {"id": 2**70, "name": "\ud800"},
                     b'{"id":%d,"name":"\xef\xbf\xbd"}' % 2**70, id="surrogate"),
        pytest.param(User, {"id": 1, "name": "a\0\ud800"},
                     b'{"id":1,"name":"a\\u0000\xef\xbf\xbd"}', id="surrogate-in-model"),
        pytest.param(set[int], {1}, b"[1]", id="set"),
        pytest.param(Color, Color.RED, b'"red"', id="enum"),
        pytest.param(Literal["a", 1], "a", b'"a"', id="literal"),
        pytest.param(decimal.Decimal, decimal.Decimal("1.10"), b'"1.10"', id="decimal"),
        pytest.param(uuid.UUID, uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"',
                     id="uuid"),
        pytest.param(
            datetime.datetime,
            datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
            b'"2026-01-02T00:00:00Z"',
            id="time",
        ),
        pytest.param(datetime.timedelta, datetime.timedelta(seconds=1), b'"PT1S"', id="duration"),
        pytest.param(dict[int, str], {1: "a"}, b'{"1":"a"}', id="integer-keys"),
        pytest.param(int, "5", b"5", id="converted"),
    ],
)  # fmt: skip
async def test_results_are_encoded_by_the_return_annotation(
    annotation: Any, value: Any, expected: bytes
) -> None:
    """Undeclared data does not leave; models accept dictionaries and objects."""
    outcome = await outcome_of(returning(annotation, value))

    assert outcome.error is None
    assert encode_outcome(outcome) == expected


def test_outcomes_have_a_value_in_json_types() -> None:
    """For transports with another encoding, also with a NUL character."""
    schema = OutputSchema(User)
    outcome = Outcome(schema.conform({"id": 1, "name": "a\0", "x": 1}))
    outcome.body = schema.encode(outcome.value)

    assert outcome_value(outcome) == {"id": 1, "name": "a\0"}


class Lookup(TypedDict):
    age: Annotated[int, Field(ge=0)]
    tags: list[str]


@pytest.mark.parametrize(
    ("annotation", "value", "place"),
    [
        pytest.param(User, {"id": 1}, "/name: Field required", id="missing"),
        pytest.param(UserDict, {"id": 1}, "/name: Field required", id="missing-key"),
        pytest.param(User, {"id": "s3cret", "name": "Ada"}, "/id: Input should be", id="type"),
        pytest.param(User, Record(id=1), "/name: Field required", id="missing-attribute"),
        pytest.param(User, None, "/: Input should be", id="none"),
        pytest.param(None, {"a": 1}, "/: Input should be None", id="value-for-none"),
        pytest.param(list[User], [ROW, {"id": 1}], "/1/name: Field required", id="item"),
        pytest.param(Lookup, {"age": -1, "tags": []}, "/age: Input should be", id="constraint"),
        pytest.param(Lookup, {"age": 1, "tags": ["a", 1]}, "/tags/1: Input", id="nested"),
        pytest.param(Stream, {"a": 1}, "/: expected Stream, not dict", id="stream"),
        pytest.param(Literal["a"], "s3cret", "/: Input should be 'a'", id="literal"),
        pytest.param(
            User, User.model_construct(id="s3cret", name="Ada"), "/id: expected int, not str",
            id="unvalidated-model",
        ),
    ],
)  # fmt: skip
async def test_a_result_of_another_type_is_an_internal_error(
    annotation: Any, value: Any, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the field, and contains no value."""
    outcome = await outcome_of(returning(annotation, value))

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    [record] = [record for record in caplog.records if record.name == "actionhero.call"]
    assert record.levelname == "ERROR"
    assert place in record.getMessage()
    assert "s3cret" not in caplog.text


async def test_in_development_the_message_names_the_field() -> None:
    """Where tracebacks are shown."""
    outcome = await outcome_of(returning(User, {"id": 1}), ErrorsSettings(show_tracebacks=True))

    assert outcome.error is not None
    assert outcome.error.message == (
        "the result does not match the return annotation of run: /name: Field required"
    )


async def test_a_misfit_is_an_error_for_middleware() -> None:
    """A transaction around the action is rolled back."""
    seen: list[bool] = []
    action = returning(User, {"id": 1}, after=lambda outcome: seen.append(outcome.ok))

    outcome = await outcome_of(action)

    assert not outcome.ok
    assert seen == [False]


async def test_a_model_that_cannot_be_encoded_is_an_error_for_middleware() -> None:
    """It is encoded before `after` runs, too."""
    seen: list[bool] = []
    broken = User.model_construct(id="x", name="Ada")
    action = returning(list[User], [broken], after=lambda outcome: seen.append(outcome.ok))

    assert not (await outcome_of(action)).ok
    assert seen == [False]


def _set_value(outcome: Outcome) -> None:
    outcome.value = {"id": 2, "name": "Grace", "hash": "x"}


def _add_key(outcome: Outcome) -> None:
    outcome.value["hash"] = "x"
    outcome.value["id"] = 2
    outcome.value["name"] = "Grace"


def _set_attribute(outcome: Outcome) -> None:
    outcome.value.id = 2
    outcome.value.name = "Grace"


@pytest.mark.parametrize(
    ("annotation", "value", "after"),
    [
        pytest.param(UserDict, {"id": 1, "name": "Ada"}, _set_value, id="value"),
        pytest.param(UserDict, {"id": 1, "name": "Ada"}, _add_key, id="in-place"),
        pytest.param(User, ROW.model_copy(), _set_attribute, id="attribute"),
        pytest.param(
            User, ROW, lambda _: Outcome({"id": 2, "name": "Grace", "x": 1}), id="outcome"
        ),
        pytest.param(
            User,
            ROW,
            lambda _: Outcome(UserRow(id=2, name="Grace", password_hash="x")),
            id="subclass",
        ),
    ],
)
async def test_values_that_middleware_replaces_are_checked(
    annotation: Any, value: Any, after: Any
) -> None:
    """Or changes in place."""
    outcome = await outcome_of(returning(annotation, value, after=after))

    assert encode_outcome(outcome) == b'{"id":2,"name":"Grace"}'


async def test_a_misfit_of_middleware_is_an_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where the action itself has failed."""

    class Fails(Action):
        name = "show"
        middleware = [_Recovers()]

        async def run(self, call: Call) -> User:
            raise Conflict("taken")

    outcome = await outcome_of(Fails)

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert "/name: Field required" in caplog.text


class _Recovers(Middleware):
    async def after(self, call: Call, outcome: Outcome) -> Outcome:
        return Outcome({"id": 1})


@pytest.mark.parametrize(
    ("annotation", "value", "place"),
    [
        pytest.param(User, ROW, "/password_hash: not declared", id="subclass"),
        pytest.param(list[User], [ROW], "/0/password_hash: not declared", id="item"),
        pytest.param(User, {"id": 1, "name": "Ada", "x": 1}, "/x: not declared", id="dict"),
        pytest.param(UserDict, {"id": 1, "name": "Ada", "x": 1}, "/x: not declared", id="key"),
        pytest.param(User, {"id": 1}, "/name: Field required", id="missing"),
        pytest.param(Size, {"width": 1, "x": 1}, "/x: not declared", id="dataclass"),
        # It keeps undeclared fields, and does not serialize them.
        pytest.param(OpenSize, {"width": 1, "x": 1}, "/x: not declared", id="open-dataclass"),
        pytest.param(list[Size], [{"width": 1, "x": 1}], "/0/x: not declared", id="dataclasses"),
        pytest.param(
            list[Box | None], [{"size": {"width": 1, "x": 1}}], "/0/size/x: not declared",
            id="nested-dataclass",
        ),
        pytest.param(
            list[Frame], [{"size": {"width": 1, "x": 1}}], "/0/size/x: not declared",
            id="dataclass-in-model",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("by", ["setting", "action"])
async def test_in_strict_mode_undeclared_data_is_an_error_that_names_it(
    annotation: Any, value: Any, place: str, by: str
) -> None:
    """By the setting, or by an attribute of the action."""
    settings = [ActionsSettings(validate_outputs="strict")] if by == "setting" else []
    action = returning(annotation, value, mode="strict" if by == "action" else None)

    outcome = await outcome_of(action, *settings)

    assert outcome.error is not None
    assert place in outcome.error.message


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (User, Record(id=1, name="Ada", hash="x")),
        (User, User(id=1, name="Ada")),
        (Open, {"id": 1, "more": 2}),
        (UserDict, {"id": 1, "name": "Ada"}),
        (Camel, {"first_name": "Ada"}),
        (dict[str, Any], {"a": 1}),
        (Box, {"size": {"width": 1}}),
        (Frame, Frame(size=Size(1))),
        (Aliased, {"firstName": "Ada"}),
        (Painted, Painted(tone=Tone.RED)),
    ],
)
async def test_strict_mode_accepts_declared_data(annotation: Any, value: Any) -> None:
    """An object with attributes has more of them in any case."""
    assert (await outcome_of(returning(annotation, value, mode="strict"))).ok


@pytest.mark.parametrize(
    ("annotation", "create", "logged"),
    [
        pytest.param(
            Iterable[int], lambda: _failing_numbers(), "/1: the iteration raised RuntimeError",
            id="generator",
        ),
        pytest.param(
            User, lambda: FailingRecord(), "/name: the attribute raised RuntimeError",
            id="property",
        ),
        pytest.param(
            Validated, lambda: {"a": "secret"}, "/a: a validator raised ValueError",
            id="validator",
        ),
        pytest.param(
            Validated, lambda: {"b": "secret"},
            "/b: a validator raised an error of the type 'own'", id="own-error",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["strict", "filter"])
async def test_exceptions_of_an_author_stay_in_the_process(
    annotation: Any, create: Any, logged: str, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Their texts may contain values, which neither the client gets nor the log."""
    action = returning(annotation, create(), mode=mode)

    outcome = await outcome_of(action, ErrorsSettings(show_tracebacks=False))

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert logged in caplog.text
    assert "secret" not in caplog.text


def test_the_tag_of_a_union_is_not_repeated() -> None:
    """It is a value of the result; the expected ones are part of the annotation."""
    with pytest.raises(OutputMismatch, match=r"/: the tag is none of 'cat', 'dog'$"):
        OutputSchema(Tagged).conform({"kind": "secret"})


def test_the_text_of_a_failed_serializer_is_not_repeated() -> None:
    """It may contain the value."""
    with pytest.raises(OutputMismatch, match=r"Error calling function `fail`: RuntimeError$"):
        OutputSchema(Serialized).encode(Serialized())


async def test_an_action_overrides_the_strict_setting() -> None:
    """In the other direction, too."""
    strict = ActionsSettings(validate_outputs="strict")

    assert (await outcome_of(returning(User, ROW, mode="filter"), strict)).ok


async def test_the_test_caller_returns_typed_values_without_undeclared_data() -> None:
    """Models stay models."""
    async with running_app(returning(list[User], [ROW, {"id": 2, "name": "Grace"}])) as app:
        users = await app.call("show")

    assert users == [User(id=1, name="Ada"), User(id=2, name="Grace")]
    assert "s3cret" not in repr(users)


async def test_nested_calls_return_typed_values() -> None:
    """The result has the annotated type at both ends."""
    seen: list[Any] = []
    shown = returning(User, {"id": 1, "name": "Ada", "x": 1})

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            seen.append(await call.run(shown, {}))

    async with running_app(shown, Outer) as app:
        await app.call("outer")

    assert seen == [User(id=1, name="Ada")]


async def test_missing_inputs_of_a_nested_call_are_not_errors_of_the_client() -> None:
    """The client has sent other inputs."""

    class Needy(Inputs):
        name: str

    class Inner(Action):
        name = "inner"

        async def run(self, inputs: Needy) -> None: ...

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Inner)  # type: ignore[arg-type]

    async with running_app(Inner, Outer) as app:
        with pytest.raises(TypedError, match=r"^Internal error$"):
            await app.call("outer")


@pytest.mark.parametrize("item_type", [User, Event[User], Event[User] | User])
@pytest.mark.parametrize("with_sink", [True, False])
async def test_items_of_streams_are_checked(item_type: Any, with_sink: bool) -> None:
    """Events keep their names."""

    class Users(Action):
        name = "show"

        async def run(self, call: Call) -> Any:
            yield ROW
            yield Event({"id": 1, "name": "Ada", "x": 1}, event="user")

    Users.run.__annotations__["return"] = AsyncIterator[item_type]
    items: list[Any] = []

    async def sink(item: Item | Chunk) -> None:
        items.append(item)

    async with running_app(Users) as app:
        outcome = await app.app.pipeline.execute(
            Connection("test"), "show", EMPTY_PAYLOAD, sink=sink if with_sink else None
        )

    assert outcome.ok
    if with_sink:
        assert [item.body for item in items] == [ADA, ADA]
        assert items[1].value.event == "user"
    else:
        assert encode_outcome(outcome) == b"[%b,%b]" % (ADA, ADA)


async def test_an_item_of_another_type_ends_the_stream() -> None:
    """The items before it were sent."""

    class Users(Action):
        name = "show"

        async def run(self, call: Call) -> AsyncIterator[User]:
            yield ROW
            yield {"id": 1}  # type: ignore[misc]

    items: list[Any] = []

    async def sink(item: Item | Chunk) -> None:
        items.append(item)

    async with running_app(Users) as app:
        outcome = await app.app.pipeline.execute(
            Connection("test"), "show", EMPTY_PAYLOAD, sink=sink
        )

    assert [item.body for item in items] == [ADA]
    assert outcome.error is not None


class Response:
    """A response of a transport."""


@pytest.mark.parametrize("annotation", [Response, User | Response])
async def test_responses_of_transports_are_not_checked(annotation: Any) -> None:
    """The other members of a union are."""
    response = Response()

    outcome = await outcome_of(returning(annotation, response))

    assert outcome.value is response
    assert outcome.body is None


class MappingResponse(MutableMapping[str, Any]):
    """A response of a transport that is a mapping, like those of aiohttp."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def __delitem__(self, key: str) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class RaisedResponse(Exception):
    """A response of a transport that can be raised."""

    def __init__(self, status: int = 200) -> None:
        self.status = status


class ResponsesPlugin:
    """Registers the responses, like a transport."""

    @hookimpl
    def actionhero_response_types(self) -> list[type]:
        return [MappingResponse, RaisedResponse]


def other_outcome(outcome: Outcome) -> Outcome:
    """Return another outcome with the same value."""
    return Outcome(outcome.value)


def respond(outcome: Outcome) -> Outcome:
    """Return an outcome with another response."""
    return Outcome(MappingResponse())


@pytest.mark.parametrize(
    ("annotation", "plugins"),
    [
        (MappingResponse, []),
        (User | MappingResponse, []),
        (MappingResponse, [ResponsesPlugin()]),
        (Any, [ResponsesPlugin()]),
        (None, [ResponsesPlugin()]),
        (User, [ResponsesPlugin()]),
    ],
)
@pytest.mark.parametrize("after", [None, other_outcome, respond, lambda outcome: None])
async def test_responses_of_transports_cannot_be_encoded(
    annotation: Any, plugins: list[Any], after: Any
) -> None:
    """Whatever the annotation; a mapping would be written as an empty object."""
    action = returning(annotation, MappingResponse(), after=after)

    async with running_app(*plugins, action) as app:
        outcome = await app.app.pipeline.execute(Connection("test"), "show", EMPTY_PAYLOAD)

    assert isinstance(outcome.value, MappingResponse)
    for encode in (encode_outcome, outcome_value):
        with pytest.raises(ConnectionTypeNotFound, match="does not support the type of the result"):
            encode(outcome)


@pytest.mark.parametrize("annotation", [Any, User])
async def test_raised_responses_cannot_be_encoded(annotation: Any) -> None:
    """To raise one is the same as to return it."""

    class Show(Action):
        name = "show"

        async def run(self) -> Any:
            raise RaisedResponse

    Show.run.__annotations__["return"] = annotation
    async with running_app(ResponsesPlugin(), Show) as app:
        outcome = await app.app.pipeline.execute(Connection("test"), "show", EMPTY_PAYLOAD)

    assert isinstance(outcome.value, RaisedResponse)
    with pytest.raises(ConnectionTypeNotFound):
        encode_outcome(outcome)


async def test_values_in_place_of_a_response_are_encoded() -> None:
    """`after` can replace a response."""
    action = returning(Any, MappingResponse(), after=lambda _: Outcome({"a": 1}))

    async with running_app(ResponsesPlugin(), action) as app:
        outcome = await app.app.pipeline.execute(Connection("test"), "show", EMPTY_PAYLOAD)

    assert encode_outcome(outcome) == b'{"a":1}'


async def test_values_beside_a_response_are_checked() -> None:
    """A union does not open the contract."""
    outcome = await outcome_of(returning(User | Response, ROW))

    assert encode_outcome(outcome) == ADA


async def test_a_dictionary_in_place_of_a_response_is_an_error() -> None:
    """The annotation is the contract."""
    assert not (await outcome_of(returning(Response, {"a": 1}))).ok


class Unknown(TypedDict):
    response: Response


def test_unsupported_annotations_are_named() -> None:
    """With the action and the remedy."""
    action = RegisteredAction(returning(Unknown, {}), "guest 1.0")

    with pytest.raises(PluginError, match=r"action 'show' .* cannot be serialized: .*Response"):
        action.outputs.prepare()


class Guest:
    """A plugin with an action whose results cannot be serialized."""

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [returning(Unknown, {})]


def test_doctor_reports_unsupported_annotations(tmp_path: Path) -> None:
    """A process compiles an annotation on the first call of its action."""
    app = App.from_plugins([Guest()], read_sources(tmp_path))

    [finding] = [item for item in examine(app, deploy=False) if item.check == "results"]

    assert finding.finding is Finding.FAILED
    assert "action 'show'" in finding.message


def test_an_unknown_mode_is_refused() -> None:
    """The message lists the modes."""
    with pytest.raises(PluginError, match="validate_outputs = 'off'; write 'filter' or 'strict'"):
        RegisteredAction(returning(User, ROW, mode="off"), "guest 1.0")


class Triple(NamedTuple):
    a: int


@pytest.mark.parametrize(
    ("annotation", "is_plain"),
    [
        (UserDict, True),
        (dict[str, Any], True),
        (list[UserDict | None], True),
        (Literal["a", 1], True),
        (User, False),
        (Card, False),
        (set[int], False),
        (bytes, False),
        (datetime.date, False),
        (Triple, False),
    ],
)
def test_the_faster_writer_is_used_for_plain_types_only(annotation: Any, is_plain: bool) -> None:
    """Both write the same bytes for these."""
    assert OutputSchema(annotation).is_plain is is_plain


def test_long_lists_of_errors_are_cut() -> None:
    """A list of a thousand invalid rows has one line in the log."""
    with pytest.raises(OutputMismatch, match=r"; and 15 more$"):
        OutputSchema(list[int]).conform(["x"] * 20)


@pytest.mark.parametrize("is_raised", [False, True])
@pytest.mark.parametrize(("status", "ok"), [(204, True), (302, True), (400, False), (503, False)])
async def test_a_response_with_the_status_of_an_error_is_a_failure(
    status: int, ok: bool, is_raised: bool
) -> None:
    """A transaction is rolled back, and changes of the session are not saved."""
    seen: list[bool] = []

    class Watch(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            seen.append(outcome.ok)

    class Show(Action):
        name = "show"
        middleware = [Watch()]

        async def run(self) -> Any:
            if is_raised:
                raise RaisedResponse(status)
            return RaisedResponse(status)

    async with running_app(ResponsesPlugin(), Show) as app:
        outcome = await app.app.pipeline.execute(Connection("test"), "show", EMPTY_PAYLOAD)

    assert isinstance(outcome.value, RaisedResponse)
    assert [outcome.ok, *seen] == [ok, ok]
