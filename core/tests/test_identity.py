"""Principals, authenticators, and requirements of callers."""

from __future__ import annotations

import asyncio
import functools
import re
from contextlib import aclosing
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    ANONYMOUS,
    Action,
    Authenticator,
    Call,
    Connection,
    Credentials,
    Forbidden,
    Inputs,
    MalformedRequest,
    Permission,
    PermissionSource,
    PluginError,
    Principal,
    Requirement,
    Scope,
    ServiceUnavailable,
    SignedIn,
    SignInRequired,
    hookimpl,
)
from actionhero.identity.principal import session_principal
from actionhero.testing import running_app
from actionhero.transport import TextPayload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from actionhero import Outcome
    from actionhero.testing import RunningApp

WRITER = Principal("ada", scopes=frozenset({"messages:write"}), method="bearer")
READER = Principal("bob", scopes=frozenset({"messages:read"}), method="bearer")
ADMIN = Principal(7, permissions=frozenset({"admin"}), method="session")
#: A user with a session: not limited by scopes.
USER = Principal(8, method="session")


def any_caller(call: Call) -> bool:
    """Any caller, anonymous ones included."""
    return True


async def owner_of_8(call: Call) -> bool:
    """A caller with the id 8, found asynchronously."""
    await asyncio.sleep(0)
    return call.principal.id == "8"


CASES: list[tuple[Any, dict[str, bool]]] = [
    (SignedIn(), {"writer": True, "reader": True, "admin": True, "user": True}),
    (Scope("messages:write"), {"writer": True, "reader": False, "admin": True, "user": True}),
    (Permission("admin"), {"writer": False, "reader": False, "admin": True, "user": False}),
    (
        Scope("messages:read") & Permission("admin"),
        {"writer": False, "reader": False, "admin": True, "user": False},
    ),
    (
        Scope("messages:write") | Permission("admin"),
        {"writer": True, "reader": False, "admin": True, "user": True},
    ),
    (owner_of_8, {"writer": False, "reader": False, "admin": False, "user": True}),
    (
        SignedIn() & owner_of_8,
        {"writer": False, "reader": False, "admin": False, "user": True},
    ),
    (
        owner_of_8 | Permission("admin"),
        {"writer": False, "reader": False, "admin": True, "user": True},
    ),
    (
        Permission("admin") | owner_of_8 | Scope("messages:read"),
        {"writer": False, "reader": True, "admin": True, "user": True},
    ),
    (
        [SignedIn(), Permission("admin")],
        {"writer": False, "reader": False, "admin": True, "user": False},
    ),
]
#: Names of the cases, the same in every process.
IDS = (
    "signed-in", "scope", "permission", "scope-and-permission", "scope-or-permission", "function",
    "signed-in-and-function", "function-or-permission", "three", "list",
)  # fmt: skip
PRINCIPALS = {"writer": WRITER, "reader": READER, "admin": ADMIN, "user": USER}


class IdInputs(Inputs):
    """A number."""

    id: int


def action_with(requirement: Any) -> type[Action]:
    """Return an action that requires something of its callers."""

    class Guarded(Action):
        """Return the caller."""

        name = "guarded"
        requires = requirement

        async def run(self, inputs: IdInputs, call: Call) -> dict[str, Any]:
            return {"id": inputs.id, "user": call.principal.user}

    return Guarded


@pytest.mark.parametrize(("requirement", "expected"), CASES, ids=IDS)
@pytest.mark.parametrize("who", PRINCIPALS)
async def test_a_requirement_decides_by_the_principal(
    requirement: Any, expected: dict[str, bool], who: str
) -> None:
    """Scopes, permissions, functions, and their combinations."""
    async with running_app(action_with(requirement)) as app:
        caller = app.connect(principal=PRINCIPALS[who])
        if expected[who]:
            assert await caller.call("guarded", id=1) == {"id": 1, "user": PRINCIPALS[who].user}
        else:
            with pytest.raises(Forbidden, match="This action requires "):
                await caller.call("guarded", id="not a number")


@pytest.mark.parametrize(
    ("requirement", "condition"),
    [
        (Permission("a") & Permission("b") & Permission("c"), "{a} and {b} and {c}"),
        ((Permission("a") | Permission("b")) & Permission("c"), "({a} or {b}) and {c}"),
        (Permission("a") | (Permission("b") & Permission("c")), "{a} or ({b} and {c})"),
        (
            (Permission("a") & (Permission("b") | Permission("c"))) | Permission("a"),
            "({a} and ({b} or {c})) or {a}",
        ),
    ],
    ids=["and", "or in and", "and in or", "three levels"],
)
def test_a_combined_condition_has_parentheses(requirement: Requirement, condition: str) -> None:
    """Where another conjunction is inside."""
    names = {name: f"the permission {name!r}" for name in "abc"}

    assert requirement.condition == condition.format(**names)


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        (Scope, f"requires {Scope!r}, which is a class; create the requirement, as in Scope(…)"),
        (None, "requires None, which is no requirement; write one, such as SignedIn(), or remove"),
        (True, "requires True, which is no requirement; write one, such as SignedIn(), or remove"),
        (
            "messages:write",
            "requires 'messages:write', which is no requirement; write one, such as "
            "Scope('messages:write'), or remove it",
        ),
        ([SignedIn], f"requires {SignedIn!r}, which is a class; create the requirement, as in "),
        (object(), "which no plugin enforces; install or enable the plugin of this requirement"),
    ],
    ids=["a class", "None", "a boolean", "a name", "a class in a list", "another object"],
)
async def test_a_value_that_is_no_requirement_is_an_error(requirement: Any, text: str) -> None:
    """At start, with the reason and the remedy."""
    with pytest.raises(PluginError, match=re.escape(text)):
        async with running_app(action_with(requirement)):
            pass


@pytest.mark.parametrize("requirement", [case[0] for case in CASES], ids=IDS)
async def test_a_stranger_learns_nothing_of_the_inputs(requirement: Any) -> None:
    """An anonymous caller has to sign in, for any requirement; the inputs are not read."""
    async with running_app(action_with(requirement)) as app:
        with pytest.raises(SignInRequired):
            await app.call("guarded", id="not a number")


async def test_a_function_can_let_anonymous_callers_in() -> None:
    """A function decides by itself."""
    async with running_app(action_with(any_caller)) as app:
        assert await app.call("guarded", id=1) == {"id": 1, "user": None}


async def _no(call: Call) -> bool:
    """No caller."""
    return False


async def _without_await(call: Call) -> Any:
    """Forgets `await`, so that the result is a coroutine."""
    return _no(call)


def _generator(call: Call) -> Any:
    """Yields its decision instead of returning it."""
    yield False


async def _asynchronous_generator(call: Call) -> Any:
    """Yields its decision instead of returning it."""
    yield False


def _method(call: Call) -> Any:
    """Forgets the parentheses."""
    return call.principal.has_scope


def _requirement(call: Call) -> Any:
    """Returns a requirement, which is not checked."""
    return Scope("messages:admin")


class _WithoutAwait(Requirement):
    """A requirement of a plugin that forgets `await`."""

    condition = "nothing"

    async def is_met(self, call: Call) -> bool:
        return _no(call)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (_without_await, "returned 'coroutine', which is always true"),
        (_generator, "returned 'generator', which is always true"),
        (_asynchronous_generator, "returned 'async_generator', which is always true"),
        (_method, "returned 'method', which is always true"),
        (_requirement, "<Scope: the scope 'messages:admin'> is not true or false"),
        (lambda call: NotImplemented, "returned 'NotImplementedType', which is always true"),
        (lambda call: bool, "returned 'type', which is always true"),
        (_WithoutAwait(), "<_WithoutAwait: nothing>, which action 'guarded' requires, returned"),
    ],
    ids=lambda item: getattr(item, "__name__", None),
)
@pytest.mark.parametrize("combine", ["alone", "and", "or"])
async def test_a_result_that_is_no_decision_lets_no_caller_in(
    fault: Any, text: str, combine: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is true for every caller; that is our fault, and the log names it."""
    requirement = {
        "alone": lambda: fault,
        "and": lambda: SignedIn() & fault,
        "or": lambda: Permission("admin") | fault,
    }[combine]()
    async with running_app(action_with(requirement)) as app:
        outcome = await app.connect(principal=READER).outcome("guarded", id=1)

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert text in caplog.text


@pytest.mark.parametrize("result", [1, "yes", [0], {"role": "admin"}], ids=repr)
async def test_a_value_is_a_decision(result: Any) -> None:
    """Such as the roles of a caller, or a row."""
    async with running_app(action_with(lambda call: result)) as app:
        assert await app.connect(principal=READER).call("guarded", id=1)
    async with running_app(action_with(lambda call: type(result)())) as app:
        with pytest.raises(Forbidden):
            await app.connect(principal=READER).call("guarded", id=1)


@pytest.mark.parametrize("error", [Forbidden("Members only"), SignInRequired("Sign in again")])
async def test_another_alternative_may_be_met_after_a_refusal(error: Exception) -> None:
    """In any order; if none is met, the caller gets the refusal."""

    def refuses(call: Call) -> bool:
        raise error

    for requirement in (
        refuses | Scope("messages:read"),
        Scope("messages:read") | refuses,
        (SignedIn() & refuses) | Scope("messages:read"),
    ):
        async with running_app(action_with(requirement)) as app:
            assert await app.connect(principal=READER).call("guarded", id=1)
            with pytest.raises(type(error), match=str(error)):
                await app.connect(principal=WRITER).call("guarded", id=1)


async def test_an_outage_is_not_a_requirement_that_is_not_met() -> None:
    """The next alternative is not asked: a repetition of the call would have another result."""

    def fails(call: Call) -> bool:
        raise ServiceUnavailable("Try again")

    async with running_app(action_with(fails | Scope("messages:read"))) as app:
        with pytest.raises(ServiceUnavailable):
            await app.connect(principal=READER).call("guarded", id=1)


def test_words_do_not_combine_requirements() -> None:
    """`Scope("a") and Scope("b")` would be the second of them alone."""
    for combine in (
        lambda: Scope("a") and Scope("b"),
        lambda: Scope("a") or Scope("b"),
        lambda: not Scope("a"),
        lambda: (Scope("a") & Scope("b")) and SignedIn(),
    ):
        with pytest.raises(TypeError, match=r"combine requirements by '&' and '|', not by 'and'"):
            combine()


async def test_a_session_is_a_principal() -> None:
    """The user of the session; signing in during a call changes the principal."""

    class SignIn(Action):
        """Sign in."""

        name = "sign-in"

        async def run(self, call: Call) -> list[Any]:
            before = call.principal
            call.session["userId"] = 7
            return [before.id, call.principal.id, call.principal.method]

    async with running_app(SignIn, action_with(SignedIn())) as app:
        caller = app.connect()
        assert await caller.call("sign-in") == ["", "7", "session"]
        assert await caller.call("guarded", id=1) == {"id": 1, "user": 7}


@pytest.mark.parametrize(("user", "is_anonymous"), [("", True), (False, True), (0, False)])
async def test_an_empty_user_is_anonymous(user: Any, is_anonymous: bool) -> None:
    """Applications assign an empty text or `False` to sign a user out; zero is a row."""

    class SignIn(Action):
        """Sign in."""

        name = "sign-in"

        async def run(self, call: Call) -> bool:
            call.session["userId"] = user
            return call.principal.is_anonymous

    principal = Principal(user=user)
    assert principal.is_anonymous is is_anonymous
    assert principal.has_scope("any") is not is_anonymous
    async with running_app(SignIn, action_with(SignedIn())) as app:
        caller = app.connect()
        assert await caller.call("sign-in") is is_anonymous
        if is_anonymous:
            with pytest.raises(SignInRequired):
                await caller.call("guarded", id=1)
        else:
            assert await caller.call("guarded", id=1) == {"id": 1, "user": user}


async def test_an_inner_call_has_the_principal_of_the_outer_one() -> None:
    """Credentials are checked once, and requirements of inner actions hold."""
    guarded = action_with(Scope("messages:write"))

    class Outer(Action):
        """Call the other action."""

        name = "outer"

        async def run(self, call: Call) -> Any:
            return await call.run(guarded, {"id": 2})

    async with running_app(Outer, guarded) as app:
        assert await app.connect(principal=WRITER).call("outer") == {"id": 2, "user": "ada"}
        with pytest.raises(Forbidden):
            await app.connect(principal=READER).call("outer")


async def test_the_source_of_permissions_is_asked() -> None:
    """A plugin knows the permissions of users; the application's own comes first."""

    class Source(PermissionSource):
        """Knows one administrator."""

        async def permissions_of(self, principal: Principal) -> frozenset[str]:
            assert not principal.is_anonymous
            return frozenset({"admin"}) if principal.user == 8 else frozenset()

    class Plugin:
        """A plugin with a source of permissions."""

        @hookimpl
        def actionhero_permissions(self) -> PermissionSource:
            return Source()

    async with running_app(Plugin(), action_with(Permission("admin"))) as app:
        assert await app.connect(principal=USER).call("guarded", id=1) == {"id": 1, "user": 8}
        with pytest.raises(Forbidden, match="requires the permission 'admin'"):
            await app.connect(principal=READER).call("guarded", id=1)
        with pytest.raises(SignInRequired):
            await app.call("guarded", id=1)


@pytest.mark.parametrize("permissions", ["administrator", b"admin", None, 7, iter(["admin"])])
async def test_a_source_of_permissions_returns_names(
    permissions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A part of a text is no permission, and the log names the source."""

    class Source(PermissionSource):
        """Returns something else."""

        async def permissions_of(self, principal: Principal) -> frozenset[str]:
            return permissions  # type: ignore[no-any-return]

    class Plugin:
        """A plugin with a source of permissions."""

        @hookimpl
        def actionhero_permissions(self) -> PermissionSource:
            return Source()

    async with running_app(Plugin(), action_with(Permission("admin"))) as app:
        outcome = await app.connect(principal=USER).outcome("guarded", id=1)

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert "Source.permissions_of returned " in caplog.text


@pytest.mark.parametrize("names", ["scopes", "permissions"])
def test_the_scopes_of_a_principal_are_no_text(names: str) -> None:
    """A part of it would be one: `orders:read` in `orders:read:own`."""
    values: dict[str, Any] = {names: "orders:read:own"}
    with pytest.raises(TypeError, match=f"the {names} of a principal are a frozenset of names"):
        Principal("ada", **values)


class Tokens(Authenticator):
    """Knows one token of each kind."""

    schemes = ("bearer", "key")
    headers: Mapping[str, str] = {"X-Key": "key"}
    challenge = "Bearer"

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return the principal."""
        if credentials.token == "expired":
            raise SignInRequired("The token is expired", challenge={"error": "invalid_token"})
        if credentials.token == "away":
            raise ServiceUnavailable("The keys cannot be fetched")
        return {"write": WRITER, "read": READER}.get(credentials.token)

    async def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield one."""
        yield "token-1"


class Certificates(Authenticator):
    """A second authenticator of the scheme."""

    schemes = ("bearer",)

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return a service."""
        return Principal("robot", "service") if credentials.token == "certificate" else None


class TokenPlugin:
    """A plugin with two authenticators."""

    @hookimpl
    def actionhero_authenticators(self) -> list[Authenticator]:
        return [Tokens(), Certificates()]


async def call_with(app: RunningApp, scheme: str, token: str) -> Outcome:
    """Call the action with credentials."""
    connection = Connection("test")
    connection.credentials = Credentials(scheme, token)
    return await app.app.pipeline.execute(connection, "guarded", TextPayload({"id": ["1"]}))


@pytest.mark.parametrize(
    ("scheme", "token", "user"),
    [("bearer", "write", "ada"), ("key", "write", "ada"), ("bearer", "certificate", "robot")],
)
async def test_credentials_identify_a_principal(scheme: str, token: str, user: str) -> None:
    """The first authenticator that knows the credentials decides."""
    async with running_app(TokenPlugin(), action_with(SignedIn())) as app:
        outcome = await call_with(app, scheme, token)

        assert outcome.unwrap() == {"id": 1, "user": user}


@pytest.mark.parametrize(
    ("scheme", "token", "message"),
    [
        ("bearer", "forged", "The credentials are not valid"),
        ("key", "certificate", "The credentials are not valid"),
        ("digest", "write", "The credentials are not valid"),
        ("bearer", "", "The credentials are not valid"),
        ("bearer", "expired", "The token is expired"),
    ],
)
@pytest.mark.parametrize("requirement", [SignedIn(), ()], ids=["guarded", "open"])
async def test_wrong_credentials_are_refused(
    scheme: str, token: str, message: str, requirement: Any
) -> None:
    """By actions without requirements too, so that a client notices a token that has expired."""
    async with running_app(TokenPlugin(), action_with(requirement)) as app:
        outcome = await call_with(app, scheme, token)

        assert isinstance(outcome.error, SignInRequired)
        assert outcome.error.message == message
        assert outcome.error.challenge == {"error": "invalid_token"}


async def test_credentials_that_cannot_be_checked_are_no_fault_of_the_client() -> None:
    """The service that knows the keys is unavailable."""
    async with running_app(TokenPlugin(), action_with(SignedIn())) as app:
        outcome = await call_with(app, "bearer", "away")

        assert isinstance(outcome.error, ServiceUnavailable)


async def test_a_missing_scope_is_in_the_challenge() -> None:
    """RFC 6750 §3.1."""
    async with running_app(TokenPlugin(), action_with(Scope("messages:write"))) as app:
        outcome = await call_with(app, "bearer", "read")

        assert isinstance(outcome.error, Forbidden)
        assert outcome.error.message == "This action requires the scope 'messages:write'"
        assert outcome.error.challenge == {"error": "insufficient_scope", "scope": "messages:write"}


async def test_the_session_of_credentials_has_their_user_only() -> None:
    """A cookie in the same request may belong to another user; changes are not stored."""

    class Show(Action):
        """Return the session."""

        name = "guarded"

        async def run(self, call: Call) -> dict[str, Any]:
            call.session["seen"] = True
            return dict(call.session)

    async with running_app(TokenPlugin(), Show) as app:
        connection = Connection("test")
        connection.credentials = Credentials("bearer", "write")
        pipeline = app.app.pipeline
        for _ in range(2):
            outcome = await pipeline.execute(connection, "guarded", TextPayload({}))
            assert outcome.unwrap() == {"userId": "ada", "seen": True}
        assert (await pipeline.load_session(connection)).get("userId") == "ada"
        connection.credentials = Credentials("bearer", "forged")
        assert (await pipeline.load_session(connection)).id is None


async def test_transports_read_the_credentials_of_headers() -> None:
    """Schemes without case; a scheme that no authenticator reads is no credentials."""
    async with running_app(TokenPlugin(), action_with(SignedIn())) as app:
        read = app.app.pipeline.authentication.read

        assert read({}) is None
        assert read({"Authorization": "Basic YTpi"}) is None
        assert read({"Authorization": "BEARER  abc "}) == Credentials("bearer", "abc")
        assert read({"Authorization": "Bearer"}) == Credentials("bearer", "")
        assert read({"X-Key": "abc"}) == Credentials("key", "abc")
        # Malformed, and so refused, instead of an anonymous call.
        for malformed in ("Bearer\tabc", "Bearer,abc", "Bearerabc", "bearer=abc", "BearerA.b-c="):
            assert read({"Authorization": malformed}) == Credentials("bearer", malformed)
        # Of another scheme.
        assert read({"Authorization": "Bearerish abc"}) is None
        assert read({"Authorization": "Bear"}) is None
        assert read({"Authorization": ""}) is None


async def test_repeated_credentials_are_parsed_once() -> None:
    """A client repeats its headers; only credentials that are read are remembered."""
    async with running_app(TokenPlugin(), action_with(SignedIn())) as app:
        read = app.app.pipeline.authentication.read
        first = read({"Authorization": "Bearer abc"})
        assert read({"Authorization": "Bearer abc"}) is first
        assert read({"X-Key": "abc"}) is read({"X-Key": "abc"})
        assert read({"X-Key": "Bearer abc"}) == Credentials("key", "Bearer abc")
        assert read({"Authorization": "Bearer abd"}) == Credentials("bearer", "abd")

        for number in range(2_000):
            assert read({"Authorization": f"Bearer {number}"}) == Credentials("bearer", str(number))
            assert read({"Authorization": f"Basic {number}"}) is None
        assert read({"Authorization": "Bearer abc"}) is not first


def test_the_digest_of_credentials_is_that_of_the_secret() -> None:
    """It distinguishes all secrets, also those that are not UTF-8."""
    tokens = ["abc", "abd", "", "é", "\udce9"]

    assert len({Credentials("bearer", token).digest for token in tokens}) == len(tokens)
    assert Credentials("bearer", "abc").digest == Credentials("key", "abc").digest


class RepeatedHeaders(dict[str, str]):
    """Headers of which one may be repeated, as a multidict of a server."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def getall(self, name: str) -> list[str]:
        return [value for each, value in self._pairs if each == name]


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer abc"), ("X-Key", "abc")],
        [("Authorization", "Bearer abc"), ("Authorization", "Bearer abc")],
        [("Authorization", "Basic YTpi"), ("Authorization", "Bearer abc")],
        [("X-Key", "abc"), ("X-Key", "def")],
    ],
)
async def test_several_credentials_are_refused(headers: list[tuple[str, str]]) -> None:
    """None of them is chosen (RFC 6750 §2)."""
    async with running_app(TokenPlugin(), action_with(SignedIn())) as app:
        with pytest.raises(MalformedRequest, match="send only one of Authorization, X-Key"):
            app.app.pipeline.authentication.read(RepeatedHeaders(headers))


class Faulty(Authenticator):
    """Fails in the way that the token says."""

    schemes = ("Bearer",)

    async def authenticate(self, credentials: Credentials, connection: Connection) -> Any:
        """Fail."""
        if credentials.token == "text":
            return "ada"
        raise KeyError(credentials.token)


async def test_faults_of_an_authenticator_are_ours(caplog: pytest.LogCaptureFixture) -> None:
    """Their log line names it, and does not contain the secret; schemes have no case."""

    class Plugin:
        @hookimpl
        def actionhero_authenticators(self) -> list[Authenticator]:
            return [Faulty()]

    async with running_app(Plugin(), action_with(SignedIn())) as app:
        for token, reason in (("text", "returned str"), ("s3cret-token", "raised KeyError")):
            outcome = await call_with(app, "bearer", token)
            assert outcome.error is not None
            assert outcome.error.message == "Internal error"
            assert f"the authenticator Faulty {reason}" in caplog.text
    assert "s3cret-token" not in caplog.text


@pytest.mark.parametrize(
    ("requirement", "principal", "scope"),
    [
        (Scope("a") & Permission("admin"), Principal(1, scopes=frozenset("a")), None),
        (Scope("a") & Permission("admin"), Principal(1, scopes=frozenset()), "a"),
        (Permission("admin") | Scope("b"), Principal(1, scopes=frozenset()), "b"),
        (Permission("admin"), Principal(1, scopes=frozenset()), None),
        (Permission("admin"), Principal(1), None),
    ],
)
async def test_a_challenge_has_scopes_that_would_help(
    requirement: Requirement, principal: Principal, scope: str | None
) -> None:
    """A client would ask for a new token with the same scopes without end."""
    async with running_app(action_with(requirement)) as app:
        outcome = await app.connect(principal=principal).outcome("guarded", id=1)

    assert isinstance(outcome.error, Forbidden)
    challenge = outcome.error.challenge
    assert challenge == (scope and {"error": "insufficient_scope", "scope": scope})


@pytest.mark.parametrize("wrong", [None, 7, "admin", Scope, [Scope("a")]])
def test_an_operand_is_a_requirement_or_a_function(wrong: Any) -> None:
    """Otherwise each call would fail."""
    with pytest.raises(TypeError, match="is neither a requirement nor a function of the call"):
        SignedIn() & wrong
    with pytest.raises(TypeError, match="is neither a requirement nor a function of the call"):
        wrong | SignedIn()


async def test_a_partial_function_is_a_requirement() -> None:
    """Alone, and combined."""

    def has_id(id: str, call: Call) -> bool:
        return call.principal.id == id

    for requirement in (
        functools.partial(has_id, "8"),
        SignedIn() & functools.partial(has_id, "8"),
    ):
        async with running_app(action_with(requirement)) as app:
            assert await app.connect(principal=USER).call("guarded", id=1)
            with pytest.raises(Forbidden, match="has id"):
                await app.connect(principal=ADMIN).call("guarded", id=1)


async def test_revocations_of_all_authenticators_are_merged() -> None:
    """Transports watch one stream."""
    async with running_app(TokenPlugin(), action_with(SignedIn())) as app:
        pipeline = app.app.pipeline
        assert pipeline.has_revocations
        async with aclosing(pipeline.revocations()) as revocations:
            assert [item async for item in revocations] == ["token-1"]


def test_secrets_are_not_shown() -> None:
    """Neither the token nor the claims are part of the text of an object."""
    assert "s3cret" not in repr(Credentials("bearer", "s3cret"))
    assert "s3cret" not in repr(Principal("ada", claims={"token": "s3cret"}))


def test_an_anonymous_caller_has_no_scope() -> None:
    """Also not those without limit."""
    assert not ANONYMOUS.has_scope("messages:write")
    assert USER.has_scope("messages:write")


@pytest.mark.parametrize("name", ["", "two words", 'a"b', "a\\b", "grün", "a\n"])
def test_a_scope_is_a_token_of_oauth(name: str) -> None:
    """RFC 6749 §3.3."""
    with pytest.raises(ValueError, match="is no scope"):
        Scope(name)


@pytest.mark.parametrize(
    ("requirement", "alternatives"),
    [
        (SignedIn(), [set()]),
        (Scope("a") & Scope("b"), [{"a", "b"}]),
        (Scope("a") | Scope("b"), [{"a"}, {"b"}]),
        ((Scope("a") | Scope("b")) & Scope("c"), [{"a", "c"}, {"b", "c"}]),
        (Scope("a") & Permission("admin"), [{"a"}]),
    ],
)
def test_documents_have_the_scopes_of_each_alternative(
    requirement: Requirement, alternatives: list[set[str]]
) -> None:
    """For API documents."""
    assert list(requirement.alternatives()) == alternatives


def test_the_principal_of_a_session_is_an_ordinary_one() -> None:
    """It is only created in a faster way."""
    principal = session_principal(7)

    assert principal == Principal(7, method="session")
    assert repr(principal) == repr(Principal(7, method="session"))
    with pytest.raises(FrozenInstanceError):
        principal.user = 8  # type: ignore[misc]
