"""The sign-in form of the authorization server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from plugins.oauth.tests.conftest import hidden_fields, hop

from actionhero import (
    Action,
    Conflict,
    Field,
    InvalidCredentials,
    RateLimited,
    ServiceUnavailable,
    TypedError,
    hookimpl,
)

if TYPE_CHECKING:
    from plugins.oauth.tests.conftest import Serve


async def test_errors_of_the_sign_in_action_have_their_own_status(serve: Serve) -> None:
    """Only wrong credentials are 401; a program reads when it may try again."""
    errors: dict[str, TypedError] = {
        "many": RateLimited("Too many attempts", retry_after_seconds=7),
        "away": ServiceUnavailable("Try again later"),
        "locked": Conflict("The account is locked"),
    }

    class SignIn(Action):
        name = "session:fail"

        async def run(self, email: Annotated[str, Field(max_length=6)], password: str) -> None:
            raise errors.get(email) or InvalidCredentials("Wrong password")

    class Plugin:
        @hookimpl
        def actionhero_actions(self) -> list[type[Action]]:
            return [SignIn]

    environ = {"ACTIONHERO_OAUTH__SIGN_IN": "session:fail"}
    responses = {}
    async with serve(Plugin(), **environ) as site, site.browser() as browser:
        page = await browser.get(hop(await site.start(browser)))
        for email in ("wrong", "too long", *errors):
            data = {**hidden_fields(page.text), "email": email, "password": "x"}
            page = responses[email] = await browser.post(page.url.path, data=data)

    assert {name: response.status_code for name, response in responses.items()} == {
        "wrong": 401,
        "too long": 422,
        "many": 429,
        "away": 503,
        "locked": 409,
    }
    assert responses["many"].headers["Retry-After"] == "7"
    assert responses["away"].headers["Retry-After"] == "1"
    assert "Retry-After" not in responses["locked"].headers
    assert "The account is locked" in responses["locked"].text
