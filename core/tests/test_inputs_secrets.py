"""Secret inputs in messages, logs and tracebacks."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import pytest
import typing_extensions
from pydantic import AfterValidator, BaseModel, ConfigDict, RootModel, SecretStr

from actionhero import (
    Action,
    Call,
    Conflict,
    Field,
    Inputs,
    InvalidInput,
    Middleware,
    Outcome,
    Secret,
    TypedError,
    logs,
)
from actionhero.errors import ABSENT
from actionhero.inputs import fields, payload_redaction
from actionhero.inputs.payloads import (
    JsonPayload,
    MixedPayload,
    Payload,
    TextPayload,
    ValidatedPayload,
    ValuePayload,
)
from actionhero.inputs.schema import InputSchema
from actionhero.redaction import REDACTED
from actionhero.testing import running_app

PASSWORD = "hunter2-is-no-secret"


def not_in_lists(password: str) -> str:
    if password == PASSWORD:
        raise ValueError(f"{password} is in every list of passwords")
    return password


class SignIn(Inputs):
    name: str
    password: Secret[Annotated[str, Field(min_length=8), AfterValidator(not_in_lists)]]


class Account(BaseModel):
    name: str
    pin: Secret[int] = 0


class Plain(Inputs):
    password: Secret[str]
    name: str = "Ada"


@dataclasses.dataclass
class PlainDataclass:
    password: Secret[str]


@dataclasses.dataclass(slots=True)
class SlottedDataclass:
    password: Secret[str]


class PlainTypedDict(TypedDict):
    password: Secret[str]


class ExtendedTypedDict(typing_extensions.TypedDict):
    password: Secret[str]


Item = TypeVar("Item")


@dataclasses.dataclass
class GenericDataclass(Generic[Item]):
    password: Secret[str]
    item: Item


class PlainNamedTuple(NamedTuple):
    password: Secret[str]
    number: int


class Holder(NamedTuple):
    account: Account
    number: int


Password = typing_extensions.TypeAliasType("Password", Secret[str])
AccountAlias = typing_extensions.TypeAliasType("AccountAlias", Account)


@pytest.mark.parametrize(
    ("type_", "names"),
    [
        (SignIn, {"password"}),
        (PlainDataclass, {"password"}),
        (PlainTypedDict, {"password"}),
        (ExtendedTypedDict, {"password"}),
        (list[GenericDataclass[int]], {"password"}),
        (dict[str, Holder], {"pin"}),
        (AccountAlias, {"pin"}),
        (list[AccountAlias], {"pin"}),
        (Account, {"pin"}),
        (dict[str, Account], {"pin"}),
        (Account | SignIn, {"pin", "password"}),
    ],
)
def test_secret_names_are_collected_at_any_depth(type_: Any, names: set[str]) -> None:
    """Models, dataclasses and typed dictionaries count, nested and as members of unions."""
    assert InputSchema(type_).secret_names == names


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Password, PASSWORD),
        (list[Password], [PASSWORD]),
        (PlainNamedTuple, [PASSWORD, 1]),
        (RootModel[Secret[str]], PASSWORD),
        (ExtendedTypedDict, {"password": PASSWORD}),
        (list[GenericDataclass[int]], [{"password": PASSWORD, "item": 1}]),
        (AccountAlias, {"name": "Ada", "pin": PASSWORD}),
        (dict[str, Holder], {"a": [{"name": "Ada", "pin": PASSWORD}, 1]}),
    ],
    ids=str,
)
def test_secrets_of_all_types_are_in_no_error_and_no_log_line(type_: Any, value: Any) -> None:
    """Behind aliases, in named tuples, in typed dictionaries of `typing_extensions`."""

    class Outer(Inputs):
        first: type_

    schema = InputSchema(Outer)
    invalid = {"first": [value, {}, "x"]}

    with pytest.raises(InvalidInput) as raised:
        schema.from_parsed(invalid)

    assert PASSWORD not in f"{raised.value.value} {raised.value.problems}"
    assert PASSWORD not in str(schema.redact_payload({"first": value}))


class Card(BaseModel):
    number: Secret[str]
    holder: str = ""


class Wallet(typing_extensions.TypedDict):
    card: Card
    name: str


class Envelope(RootModel[Wallet | None]):
    pass


class OpenCard(Card):
    model_config = ConfigDict(extra="allow")


TEXT = f'{{"number": "{PASSWORD}"}}'


@pytest.mark.parametrize(
    ("type_", "value", "logged"),
    [
        (Card, TEXT, REDACTED),
        (Card, TEXT.encode(), REDACTED),
        (Card, [TEXT], [REDACTED]),
        (Card, 4111111111111111, REDACTED),
        (Card, {"Number": PASSWORD, "holder": "Ada"}, {"Number": REDACTED, "holder": "Ada"}),
        (OpenCard, {"color": "red"}, {"color": "red"}),
        (Wallet, {"card": TEXT, "name": "Ada"}, {"card": REDACTED, "name": "Ada"}),
        (Envelope, {"card": [TEXT]}, {"card": [REDACTED]}),
        (dict[str, Card], {"a": TEXT, "b": [PASSWORD], "c": None},
         {"a": REDACTED, "b": [REDACTED], "c": None}),
        (list[dict[str, Card]], [{"a": TEXT}, TEXT], [{"a": REDACTED}, REDACTED]),
        (Card | int, TEXT, REDACTED),
        (Wallet | Envelope, {"card": {"x": PASSWORD}}, {"card": {"x": REDACTED}}),
        (dict[str, Secret[str]], {"a": PASSWORD}, REDACTED),
        (GenericDataclass[Card], {"item": TEXT, "password": ""},
         {"item": REDACTED, "password": REDACTED}),
        (str, TEXT, TEXT),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("is_nested", [False, True])
def test_values_in_the_place_of_an_object_with_a_secret_are_redacted(
    type_: Any, value: Any, logged: Any, is_nested: bool
) -> None:
    """A text of JSON, a list, a misspelt name; at any depth, in errors and in logs."""

    class Outer(BaseModel):
        inner: type_

    class Direct(Inputs):
        field: type_
        number: int

    class Nested(Inputs):
        field: Outer
        number: int

    schema = InputSchema(Nested if is_nested else Direct)
    sent = {"field": {"inner": value} if is_nested else value}

    with pytest.raises(InvalidInput) as raised:
        schema.from_values(sent, refuse_unknown=False)

    assert schema.redact_payload(sent) == {"field": {"inner": logged} if is_nested else logged}
    if type_ is not str:
        assert PASSWORD not in f"{raised.value.value} {raised.value.problems}"


def test_types_are_examined_once_however_many_values_are_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client could block the process by a long list of invalid objects."""

    class Outer(Inputs):
        cards: list[Card] = []
        by_name: dict[str, Card] = {}

    schema = InputSchema(Outer)
    examined = []

    def fields_of(type_: Any) -> Any:
        examined.append(type_)
        return fields.fields_of(type_)

    monkeypatch.setattr(payload_redaction, "fields_of", fields_of)
    schema.redact_payload({"cards": [{"x": 1}] * 100, "by_name": {str(n): {} for n in range(100)}})

    assert len(examined) <= 6


def test_secrets_are_redacted_by_field_name_and_alias() -> None:
    """The payload has the alias, the validated inputs the name of the field."""

    class Renamed(Inputs):
        password: Secret[str] = Field(alias="pass-word")

    schema = InputSchema(Renamed)
    inputs = JsonPayload(b'{"pass-word": "hunter2"}').parse(schema)

    assert schema.secret_names == {"password", "pass-word"}
    assert schema.redact(inputs) == {"password": "[redacted]"}
    assert schema.redact_payload({"pass-word": "hunter2"}) == {"pass-word": "[redacted]"}


def test_secrets_are_not_in_the_repr_of_inputs() -> None:
    """`repr` of inputs may be logged anywhere."""
    assert repr(Plain(password=PASSWORD)) == "Plain(name='Ada')"


def test_secrets_are_marked_in_the_schema() -> None:
    """API documents show a password that is never sent back."""
    schema = InputSchema(Plain).json_schema()["properties"]["password"]

    assert schema == {
        "format": "password",
        "title": "Password",
        "type": "string",
        "writeOnly": True,
    }


PAYLOADS: dict[str, Payload] = {
    "json": JsonPayload(json.dumps({"name": "Ada", "password": PASSWORD}).encode()),
    "text": TextPayload({"name": ["Ada"], "password": [PASSWORD]}),
    "mixed": MixedPayload({}, b'{"name": "Ada"}', {"password": [PASSWORD]}),
    "values": ValuePayload({"name": "Ada", "password": PASSWORD}),
}


class NeedsPassword(Action):
    name = "sign:in"

    async def run(self, inputs: SignIn, call: Call) -> None: ...


@pytest.mark.parametrize("source", PAYLOADS)
async def test_invalid_secrets_are_not_in_errors(source: str) -> None:
    """Neither as the value, nor in the message of a validator."""
    async with running_app(NeedsPassword) as app:
        outcome = await app.app.pipeline.execute(
            app.connect().connection, "sign:in", PAYLOADS[source]
        )

    error = outcome.error
    assert isinstance(error, InvalidInput)
    assert error.key == "password"
    assert error.value is ABSENT
    assert [problem.message for problem in error.problems] == [
        "[redacted] is in every list of passwords"
    ]
    assert error.__context__ is None


async def test_the_message_of_an_invalid_secret_is_redacted() -> None:
    """The first problem is also the message."""
    async with running_app(NeedsPassword) as app:
        with pytest.raises(InvalidInput) as raised:
            await app.call("sign:in", name="Ada", password=PASSWORD)

    assert raised.value.message == "[redacted] is in every list of passwords"
    assert PASSWORD not in repr(raised.value)


def test_errors_of_missing_inputs_contain_no_other_inputs() -> None:
    """A form without its name does not show the password."""
    with pytest.raises(InvalidInput) as raised:
        TextPayload({"password": ["hunter2"]}).parse(InputSchema(SignIn))

    assert raised.value.message == "Missing required param: name"
    assert raised.value.value is ABSENT
    assert "hunter2" not in str(raised.value.__dict__)


def test_secrets_in_the_value_of_an_invalid_input_are_redacted() -> None:
    """The value in the error is the whole input, without its secrets."""

    class Open(Inputs):
        account: Account

    with pytest.raises(InvalidInput) as raised:
        JsonPayload(b'{"account": {"name": 7, "pin": 123456}}').parse(InputSchema(Open))

    assert raised.value.value == {"name": 7, "pin": "[redacted]"}


def test_pointers_end_at_secrets() -> None:
    """The keys of a secret mapping are as secret as its values."""

    class Keys(Inputs):
        keys: Secret[dict[str, int]]

    with pytest.raises(InvalidInput) as raised:
        JsonPayload(b'{"keys": {"hunter2": "x"}}').parse(InputSchema(Keys))

    assert [problem.pointer for problem in raised.value.problems] == ["/keys"]


class Careless(Action):
    """Puts the password into every part of an error."""

    name = "careless"

    async def run(self, inputs: Plain, call: Call) -> None:
        password = inputs.password
        match inputs.name:
            case "message":
                raise Conflict(f"{password} is taken", key="name", value={"was": [password]})
            case "key":
                raise Conflict("taken", key="password", value=password)
            case "cause":
                try:
                    raise RuntimeError(f"no such password: {password}")
                except RuntimeError as error:
                    raise Conflict("taken") from error
            case _:
                raise RuntimeError(f"no such password: {password!r}")


@pytest.fixture
def log_stream() -> Any:
    """Yield the stream of all log lines."""
    stream = io.StringIO()
    logs.configure("info", "json", colors=False, stream=stream)
    yield stream
    logs.shutdown()


async def outcome_of(name: str, **environ: str) -> Outcome:
    """Return the outcome of the careless action, with tracebacks shown."""
    settings = {"ACTIONHERO_ENV": "development", **environ}
    async with running_app(Careless, environ=settings) as app:
        app.app.pipeline.call_log = logs.call_log
        return await app.connect().outcome("careless", password=PASSWORD, name=name)


@pytest.mark.parametrize("name", ["message", "key", "cause", "unexpected"])
async def test_secrets_in_errors_of_an_action_are_redacted(
    name: str, log_stream: io.StringIO
) -> None:
    """Not in the message, the value, the traceback, the line per call or any other line."""
    outcome = await outcome_of(name)
    logs.call_log.flush()

    error = outcome.error
    assert error is not None
    text = f"{error.message} {error.args} {error.value!r} {error.problems} {outcome.stack}"
    assert outcome.stack is not None
    assert "Traceback" in outcome.stack
    assert PASSWORD not in text
    assert PASSWORD not in log_stream.getvalue()
    assert "careless" in log_stream.getvalue()


async def test_only_secrets_are_removed_from_errors() -> None:
    """The rest of the message and of the value is unchanged."""
    outcome = await outcome_of("message")

    assert outcome.error is not None
    assert outcome.error.message == "[redacted] is taken"
    assert outcome.error.value == "{'was': ['[redacted]']}"

    outcome = await outcome_of("key")

    assert outcome.error is not None
    assert outcome.error.value is ABSENT


async def test_the_log_line_of_a_call_has_redacted_inputs(log_stream: io.StringIO) -> None:
    """Valid or not, by name."""

    class Quiet(Action):
        name = "quiet"

        async def run(self, inputs: Plain, call: Call) -> None: ...

    async with running_app(Quiet) as app:
        app.app.pipeline.call_log = logs.call_log
        await app.call("quiet", password=PASSWORD, name="Ada")
        with pytest.raises(InvalidInput):
            await app.call("quiet", password=PASSWORD, name=7)
    logs.call_log.flush()

    lines = [json.loads(line) for line in log_stream.getvalue().splitlines()]
    assert [line["inputs"] for line in lines] == [
        {"password": "[redacted]", "name": "Ada"},
        {"password": "[redacted]", "name": 7},
    ]
    assert [line["outcome"] for line in lines] == ["ok", "CONNECTION_ACTION_PARAM_REQUIRED"]


async def test_secrets_changed_by_validators_and_middleware_are_redacted() -> None:
    """Both the original and the changed form are removed."""

    class Lowered(Inputs):
        password: Secret[Annotated[str, AfterValidator(str.lower)]]

    class Reverse(Middleware):
        async def before(self, call: Call) -> None:
            call.inputs.password = call.inputs.password[::-1]

    class Report(Action):
        name = "report"
        middleware = [Reverse()]

        async def run(self, inputs: Lowered, call: Call) -> None:
            raise Conflict(f"{inputs.password} from SECRET-HUNTER")

    async with running_app(Report) as app:
        with pytest.raises(Conflict) as raised:
            await app.call("report", password="SECRET-HUNTER")

    assert raised.value.message == "[redacted] from [redacted]"


@pytest.mark.parametrize(
    "type_", [PlainDataclass, SlottedDataclass, PlainTypedDict, ExtendedTypedDict]
)
async def test_secrets_of_dataclasses_and_dictionaries_are_redacted(type_: Any) -> None:
    """In payloads of clients and in inputs from another action."""

    def password_of(inputs: Any) -> str:
        return str(inputs["password"] if isinstance(inputs, dict) else inputs.password)

    class Report(Action):
        name = "report"

        async def run(self, inputs: Any, call: Call) -> None:
            raise Conflict(f"{password_of(inputs)} is taken")

    Report.run.__annotations__["inputs"] = type_

    async with running_app(Report) as app:
        execute = app.app.pipeline.execute
        connection = app.connect().connection
        instance = type_(password=PASSWORD)
        for payload in (ValuePayload({"password": PASSWORD}), ValidatedPayload(instance)):
            outcome = await execute(connection, "report", payload)

            assert outcome.error is not None
            assert outcome.error.message == "[redacted] is taken"


async def test_secrets_of_a_nested_call_are_not_in_the_outer_error() -> None:
    """The cause of the inner error is not in the traceback of the outer one."""

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            await call.run(Careless, Plain(password=PASSWORD, name="cause"))

    environ = {"ACTIONHERO_ENV": "development"}
    async with running_app(Careless, Outer, environ=environ) as app:
        outcome = await app.connect().outcome("outer")

    assert isinstance(outcome.error, TypedError)
    assert outcome.stack is not None
    assert PASSWORD not in outcome.stack


def test_pydantic_secret_types_are_secret() -> None:
    """They need no `Secret` marker."""

    class Own(Inputs):
        token: SecretStr
        kind: Literal["a"] = "a"

    schema = InputSchema(Own)

    assert schema.secret_names == {"token"}
    assert schema.redact(Own(token=SecretStr(PASSWORD))) == {"token": "[redacted]", "kind": "a"}


def test_long_inputs_are_cut_in_logs() -> None:
    """A hundred characters of each value; bytes and files by their size."""

    class Long(Inputs):
        text: str
        data: bytes = b"12345"

    redacted = InputSchema(Long).redact(Long(text="x" * 5000))

    assert redacted == {"text": "x" * 100 + "…", "data": "<5 bytes>"}
    many = InputSchema(dict[str, int])
    assert len(many.redact({str(number): number for number in range(5000)})) == 501


def test_undeclared_inputs_are_not_logged() -> None:
    """Clients may send any names."""
    schema = InputSchema(Plain)

    assert schema.redact_payload({"name": "Ada", "junk": "x"}) == {"name": "Ada"}
    assert InputSchema(dict[str, Any]).redact_payload({"any": 1}) == {"any": 1}
