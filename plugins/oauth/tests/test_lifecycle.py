"""A state machine over codes and refresh tokens, against a real Redis."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from plugins.oauth.tests.conftest import CHALLENGE, CLIENT, REDIRECT_URI, VERIFIER

from actionhero import Connection
from actionhero_oauth import AuthorizationServer
from actionhero_oauth.authorization_requests import AuthorizationRequest
from actionhero_oauth.clients import Client, ClientKind
from actionhero_oauth.errors import OAuthError
from actionhero_oauth.grant import Grant
from actionhero_oauth.token_exchange import TokenExchange
from actionhero_redis import RedisClients

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from plugins.oauth.tests.conftest import Serve

USERS = ("ada", 7)
#: The program of the client.
SOURCE = Connection("web")


class Code:
    """The expected state of a code, and of its grant."""

    def __init__(self, text: str, user: Any) -> None:
        self.text = text
        self.user = user
        self.is_known = True
        self.grant: Grant | None = None
        #: Whether the user has signed out, or the grant was ended.
        self.is_ended = False
        self.generation = 0


class Lifecycle(RuleBasedStateMachine):
    """Issues, redeems, refreshes and ends; each result is that of the model."""

    server: AuthorizationServer
    redis: RedisClients
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    codes = Bundle("codes")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Code] = []
        self.client = Client(CLIENT, "Shop", (REDIRECT_URI,), ClientKind.KNOWN)
        self.request = AuthorizationRequest(
            CLIENT, REDIRECT_URI, True, "", CHALLENGE, ("mcp",), self.server.resources.default
        )

    @rule(target=codes, user=st.sampled_from(USERS))
    def issue(self, user: Any) -> Code:
        scopes = frozenset({"mcp"})
        text = self.run(self.server.issue_code(self.request, user, self.client, scopes))
        self.all.append(code := Code(text, user))
        return code

    @rule(code=codes, count=st.integers(1, 4))
    def redeem(self, code: Code, count: int) -> None:
        results = self.run(self._redeem(code, count))

        made = [result for result in results if isinstance(result, Grant)]
        if code.is_known and code.grant is None and not code.is_ended:
            assert len(made) == 1, results
            code.grant, code.generation = made[0], 1
            code.is_ended = count > 1
        else:
            assert not made
            if code.grant is not None and code.is_known:
                code.is_ended = True
        assert all(isinstance(result, Grant | OAuthError) for result in results), results

    async def _redeem(self, code: Code, count: int) -> list[Any]:
        sent = {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, "resource": ""}
        calls = (
            TokenExchange(self.server).exchange_code(self.client, code.text, SOURCE, **sent)
            for _ in range(count)
        )
        return list(await asyncio.gather(*calls, return_exceptions=True))

    @rule(code=codes, age=st.integers(0, 3))
    def refresh(self, code: Code, age: int) -> None:
        if code.grant is None or age >= code.generation:
            return
        token = self.server.tokens.make("refresh", code.grant.id, code.generation - age)
        refreshing = TokenExchange(self.server).refresh(
            self.client, token, SOURCE, resource="", scope=""
        )
        if code.is_ended or age > 1:
            with pytest.raises(OAuthError):
                self.run(refreshing)
            code.is_ended = True
        else:
            code.generation += age == 0
            assert self.run(refreshing).generation == code.generation

    @rule(code=codes)
    def end(self, code: Code) -> None:
        if code.grant is not None:
            assert self.run(self.server.end(code.grant.id)) is not code.is_ended
            code.is_ended = True

    @rule(user=st.sampled_from(USERS))
    def sign_out(self, user: Any) -> None:
        self.run(self.server.end_all(user))
        for code in self.all:
            if code.user == user:
                code.is_ended = True

    @rule(code=consumes(codes))
    def expire(self, code: Code) -> None:
        self.run(self._expire(code))
        code.is_known = False

    async def _expire(self, code: Code) -> None:
        await self.redis.execute("DEL", self.server.requests._key("code", code.text))

    @invariant()
    def tokens_are_valid_as_long_as_their_grants(self) -> None:
        for code in self.all:
            if code.grant is None:
                continue
            for generation in range(1, code.generation + 1):
                token = self.server.tokens.make("access", code.grant.id, generation)
                found = self.run(self.server.grant_of(token)) is not None
                assert found is (not code.is_ended and generation >= code.generation - 1)

    def teardown(self) -> None:
        for user in USERS:
            self.run(self.server.end_all(user))


def _check(serve: Serve, examples: int) -> None:
    with asyncio.Runner() as runner:
        running = serve()
        site = runner.run(running.__aenter__())
        try:
            Lifecycle.server = site.app.app.get(AuthorizationServer)
            Lifecycle.redis = site.app.app.get(RedisClients)
            Lifecycle.run = staticmethod(runner.run)
            run_state_machine_as_test(
                Lifecycle,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=25,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(running.__aexit__(None, None, None))


def test_codes_and_tokens_behave_like_the_model(serve: Serve) -> None:
    _check(serve, 15)


@pytest.mark.soak
def test_codes_and_tokens_behave_like_the_model_for_long(serve: Serve) -> None:
    _check(serve, 2000)
