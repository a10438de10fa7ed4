"""Inputs that nobody may see: not in a message, not in a log, not in a traceback."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import AfterValidator, BaseModel, SecretStr

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
from actionhero.inputs.payloads import (
    JsonPayload,
    MixedPayload,
    Payload,
    TextPayload,
    ValidatedPayload,
    ValuePayload,
)
from actionhero.inputs.schema import InputSchema
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


@pytest.mark.parametrize(
    ("type_", "names"),
    [
        (SignIn, {"password"}),
        (PlainDataclass, {"password"}),
        (PlainTypedDict, {"password"}),
        (Account, {"pin"}),
        (dict[str, Account], {"pin"}),
        (Account | SignIn, {"pin", "password"}),
    ],
)
def test_the_names_of_secrets_are_known_wherever_they_stand(type_: Any, names: set[str]) -> None:
    """In models, dataclasses and typed dictionaries, nested and as members of unions."""
    assert InputSchema(type_).secrets == names


def test_a_secret_is_known_by_every_name_that_it_has() -> None:
    """Outside it has its alias, inside its own name."""

    class Renamed(Inputs):
        password: Secret[str] = Field(alias="pass-word")

    schema = InputSchema(Renamed)
    inputs = JsonPayload(b'{"pass-word": "hunter2"}').parse(schema)

    assert schema.secrets == {"password", "pass-word"}
    assert schema.shown(inputs) == {"password": "[redacted]"}
    assert schema.redact_payload({"pass-word": "hunter2"}) == {"pass-word": "[redacted]"}


def test_a_secret_is_left_out_of_the_text_of_the_inputs() -> None:
    """`repr` of inputs may end up anywhere."""
    assert repr(Plain(password=PASSWORD)) == "Plain(name='Ada')"


def test_a_secret_is_told_apart_in_the_schema() -> None:
    """Documents show it as a password that is never sent back."""
    schema = InputSchema(Plain).json_schema()["properties"]["password"]

    assert schema == {
        "format": "password",
        "title": "Password",
        "type": "string",
        "writeOnly": True,
    }


RAW: dict[str, Payload] = {
    "json": JsonPayload(json.dumps({"name": "Ada", "password": PASSWORD}).encode()),
    "text": TextPayload({"name": ["Ada"], "password": [PASSWORD]}),
    "mixed": MixedPayload({}, b'{"name": "Ada"}', {"password": [PASSWORD]}),
    "values": ValuePayload({"name": "Ada", "password": PASSWORD}),
}


class NeedsPassword(Action):
    name = "sign:in"

    async def run(self, inputs: SignIn, call: Call) -> None: ...


@pytest.mark.parametrize("source", RAW)
async def test_a_secret_that_is_refused_is_not_told_back(source: str) -> None:
    """Not as the value, and not in the words of a validator that put it there."""
    async with running_app(NeedsPassword) as app:
        outcome = await app.app.pipeline.execute(app.connect().connection, "sign:in", RAW[source])

    error = outcome.error
    assert isinstance(error, InvalidInput)
    assert error.key == "password"
    assert error.value is ABSENT
    assert [problem.message for problem in error.problems] == [
        "[redacted] is in every list of passwords"
    ]
    assert error.__context__ is None


async def test_the_message_of_a_refused_secret_is_clean_too() -> None:
    """The first problem is also the message."""
    async with running_app(NeedsPassword) as app:
        with pytest.raises(InvalidInput) as raised:
            await app.call("sign:in", name="Ada", password=PASSWORD)

    assert raised.value.message == "[redacted] is in every list of passwords"
    assert PASSWORD not in repr(raised.value)


def test_what_stands_beside_a_missing_input_is_not_told() -> None:
    """A form without its name does not show the password."""
    with pytest.raises(InvalidInput) as raised:
        TextPayload({"password": ["hunter2"]}).parse(InputSchema(SignIn))

    assert raised.value.message == "Missing required param: name"
    assert raised.value.value is ABSENT
    assert "hunter2" not in str(raised.value.__dict__)


def test_a_secret_beside_what_is_wrong_inside_of_an_input_is_redacted() -> None:
    """The value that is told back is the whole input, without what is secret in it."""

    class Open(Inputs):
        account: Account

    with pytest.raises(InvalidInput) as raised:
        JsonPayload(b'{"account": {"name": 7, "pin": 123456}}').parse(InputSchema(Open))

    assert raised.value.value == {"name": 7, "pin": "[redacted]"}


def test_a_pointer_does_not_lead_into_a_secret() -> None:
    """The keys of a secret mapping are as secret as its values."""

    class Keys(Inputs):
        keys: Secret[dict[str, int]]

    with pytest.raises(InvalidInput) as raised:
        JsonPayload(b'{"keys": {"hunter2": "x"}}').parse(InputSchema(Keys))

    assert [problem.pointer for problem in raised.value.problems] == ["/keys"]


class Careless(Action):
    """Puts the password wherever it can."""

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
def written() -> Any:
    """Give all that is logged, in both formats."""
    stream = io.StringIO()
    logs.configure("info", "json", colors=False, stream=stream)
    yield stream
    logs.shutdown()


async def outcome_of(name: str, **environ: str) -> Outcome:
    """Return what came of the careless action, with tracebacks shown."""
    settings = {"ACTIONHERO_ENV": "development", **environ}
    async with running_app(Careless, environ=settings) as app:
        app.app.pipeline.call_log = logs.call_log
        return await app.connect().outcome("careless", password=PASSWORD, name=name)


@pytest.mark.parametrize("name", ["message", "key", "cause", "unexpected"])
async def test_whatever_an_action_does_with_a_secret_nobody_sees_it(
    name: str, written: io.StringIO
) -> None:
    """Not in the message, the value, the traceback, the line per call or any other line."""
    outcome = await outcome_of(name)
    logs.call_log.flush()

    error = outcome.error
    assert error is not None
    told = f"{error.message} {error.args} {error.value!r} {error.problems} {outcome.stack}"
    assert outcome.stack is not None
    assert "Traceback" in outcome.stack
    assert PASSWORD not in told
    assert PASSWORD not in written.getvalue()
    assert "careless" in written.getvalue()


async def test_what_is_left_of_an_error_is_still_of_use() -> None:
    """Only the secret is taken out, and nothing else."""
    outcome = await outcome_of("message")

    assert outcome.error is not None
    assert outcome.error.message == "[redacted] is taken"
    assert outcome.error.value == "{'was': ['[redacted]']}"

    outcome = await outcome_of("key")

    assert outcome.error is not None
    assert outcome.error.value is ABSENT


async def test_the_line_per_call_shows_inputs_without_secrets(written: io.StringIO) -> None:
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

    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["inputs"] for line in lines] == [
        {"password": "[redacted]", "name": "Ada"},
        {"password": "[redacted]", "name": 7},
    ]
    assert [line["outcome"] for line in lines] == ["ok", "CONNECTION_ACTION_PARAM_REQUIRED"]


async def test_a_secret_in_another_form_is_taken_out_too() -> None:
    """A validator that changed it, and a layer that did: both forms are known."""

    class Lowered(Inputs):
        password: Secret[Annotated[str, AfterValidator(str.lower)]]

    class Reverse(Middleware):
        async def before(self, call: Call) -> None:
            call.inputs.password = call.inputs.password[::-1]

    class Tell(Action):
        name = "tell"
        middleware = [Reverse()]

        async def run(self, inputs: Lowered, call: Call) -> None:
            raise Conflict(f"{inputs.password} given as SECRET-HUNTER")

    async with running_app(Tell) as app:
        with pytest.raises(Conflict) as raised:
            await app.call("tell", password="SECRET-HUNTER")

    assert raised.value.message == "[redacted] given as [redacted]"


@pytest.mark.parametrize("type_", [PlainDataclass, SlottedDataclass, PlainTypedDict])
async def test_secrets_of_dataclasses_and_dictionaries_are_taken_out(type_: Any) -> None:
    """Whatever the inputs are made of, from outside as well as from another action."""

    def password_of(inputs: Any) -> str:
        return str(inputs["password"] if isinstance(inputs, dict) else inputs.password)

    class Tell(Action):
        name = "tell"

        async def run(self, inputs: Any, call: Call) -> None:
            raise Conflict(f"{password_of(inputs)} is taken")

    Tell.run.__annotations__["inputs"] = type_

    async with running_app(Tell) as app:
        execute = app.app.pipeline.execute
        connection = app.connect().connection
        ready = type_(password=PASSWORD)
        for raw in (ValuePayload({"password": PASSWORD}), ValidatedPayload(ready)):
            outcome = await execute(connection, "tell", raw)

            assert outcome.error is not None
            assert outcome.error.message == "[redacted] is taken"


async def test_the_secrets_of_an_inner_action_are_not_seen_from_the_outer() -> None:
    """What caused the error of the inner action is not told by the outer one either."""

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


def test_secret_types_of_the_validation_library_are_secret_as_well() -> None:
    """Nobody has to mark what is marked already."""

    class Own(Inputs):
        token: SecretStr
        kind: Literal["a"] = "a"

    schema = InputSchema(Own)

    assert schema.secrets == {"token"}
    assert schema.shown(Own(token=SecretStr(PASSWORD))) == {"token": "[redacted]", "kind": "a"}


def test_of_long_inputs_the_log_shows_the_beginning() -> None:
    """A hundred characters of each value; bytes and files by their size."""

    class Long(Inputs):
        text: str
        data: bytes = b"12345"

    shown = InputSchema(Long).shown(Long(text="x" * 5000))

    assert shown == {"text": "x" * 100 + "…", "data": "<5 bytes>"}
    many = InputSchema(dict[str, int])
    assert len(many.shown({str(number): number for number in range(5000)})) == 501


def test_of_inputs_that_were_not_validated_only_declared_ones_are_shown() -> None:
    """Whatever a stranger sends beside has no place in our log."""
    schema = InputSchema(Plain)

    assert schema.redact_payload({"name": "Ada", "junk": "x"}) == {"name": "Ada"}
    assert InputSchema(dict[str, Any]).redact_payload({"any": 1}) == {"any": 1}
