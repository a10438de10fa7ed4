"""Sign-up on the way to the consent page, and scopes that users cannot grant."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from plugins.oauth.tests.conftest import hidden_fields, hop

from actionhero import (
    Action,
    Call,
    Conflict,
    Inputs,
    PluginError,
    Scope,
    Secret,
    SignedIn,
    hookimpl,
)
from actionhero.transport import Finding
from actionhero_oauth import plugin as oauth_plugin

if TYPE_CHECKING:
    from plugins.oauth.tests.conftest import Serve


class AccountInputs(Inputs):
    email: str
    password: Secret[str]


class SignUp(Action):
    name = "user:create"
    web = "PUT /user"

    async def run(self, inputs: AccountInputs, call: Call) -> None:
        if inputs.email == "ada@example.com":
            raise Conflict("User already exists")
        if inputs.email == "bob@example.com":
            await call.session.regenerate()
            call.session["userId"] = inputs.email


class Purge(Action):
    name = "purge"
    web = "DELETE /everything"
    requires = SignedIn() & (Scope("admin") | Scope("owner"))

    async def run(self) -> None:
        """Do nothing."""


class Either(Action):
    name = "either"
    web = "GET /either"
    requires = SignedIn() | Scope("owner")

    async def run(self) -> None:
        """Do nothing."""


class Nightly(Action):
    name = "nightly"
    requires = Scope("owner")

    async def run(self) -> None:
        """Do nothing."""


class More:
    """A plugin with more actions."""

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [SignUp, Purge, Either, Nightly]


SETTINGS = {"ACTIONHERO_OAUTH__SIGN_UP": "user:create"}


async def test_a_user_signs_up_on_the_way_to_the_consent(serve: Serve) -> None:
    async with serve(More(), **SETTINGS) as site, site.browser() as browser:
        sign_in = await browser.get(hop(await site.start(browser)))
        link = re.search('<a href="([^"]+)">Sign up</a>', sign_in.text)
        assert link
        page = await browser.get(link[1])
        form = hidden_fields(page.text)
        taken = await browser.post(
            page.url.path, data={**form, "email": "ada@example.com", "password": "right"}
        )
        assert 'autocomplete="new-password"' in page.text
        assert taken.status_code == 409
        assert "User already exists" in taken.text
        assert hidden_fields(taken.text)["step"] == "sign_up"

        created = await browser.post(
            page.url.path, data={**form, "email": "eve@example.com", "password": "right"}
        )
        again = await browser.get(created.headers["Location"])
        assert "Your account was created" in again.text
        assert hidden_fields(again.text)["step"] == "sign_in"
        response = await browser.post(
            again.url.path,
            data={**hidden_fields(again.text), "email": "eve@example.com", "password": "right"},
        )
        consent = await browser.get(response.headers["Location"])

    assert "Allow <b>Shop</b>" in consent.text
    assert "eve@example.com" in consent.text


async def test_a_sign_up_that_signs_in_continues_with_the_consent(serve: Serve) -> None:
    async with serve(More(), **SETTINGS) as site, site.browser() as browser:
        start = hop(await site.start(browser))
        page = await browser.get(f"{start}?form=sign_up")
        data = {**hidden_fields(page.text), "email": "bob@example.com", "password": "right"}
        response = await browser.post(page.url.path, data=data)
        consent = await browser.get(response.headers["Location"])

    assert "Allow <b>Shop</b>" in consent.text
    assert "bob@example.com" in consent.text


async def test_without_the_setting_there_is_no_sign_up(serve: Serve) -> None:
    async with serve(More()) as site, site.browser() as browser:
        page = await browser.get(hop(await site.start(browser)) + "?form=sign_up")
        data = {**hidden_fields(page.text), "step": "sign_up", "email": "bob@example.com"}
        sent = await browser.post(page.url.path, data={**data, "password": "right"})

    assert "Sign up" not in page.text
    assert hidden_fields(page.text)["step"] == "sign_in"
    # It is the sign-in page again.
    assert sent.status_code == 200
    assert hidden_fields(sent.text)["step"] == "sign_in"


@pytest.mark.parametrize(
    ("environ", "error"),
    [
        ({"ACTIONHERO_OAUTH__SIGN_UP": "user:new"}, "oauth.sign_up is 'user:new', which is no"),
        ({**SETTINGS, "ACTIONHERO_OAUTH__SIGN_IN_URL": "/in"}, "oauth.sign_up has no effect"),
    ],
)
async def test_an_invalid_sign_up_is_an_error_at_the_start(
    serve: Serve, environ: dict[str, str], error: str
) -> None:
    with pytest.raises(PluginError, match=error):
        async with serve(More(), **environ):
            pass


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ({"mcp": "Use", "messages:write": "Write"}, {("purge", "admin")}),
        ({"mcp": "Use", "messages:write": "Write", "owner": "Own"}, set()),
        ({"mcp": "Use", "owner": "Own"}, {("message:write", "messages:write")}),
    ],
)
async def test_the_doctor_warns_of_scopes_that_users_cannot_grant(
    serve: Serve, scopes: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    """Not of those of actions that no client can call, or that are one of two ways."""
    async with serve(More(), ACTIONHERO_OAUTH__SCOPES=json.dumps(scopes)) as site:
        found: list[Any] = oauth_plugin.actionhero_doctor_checks(site.app.app)

    warnings = [item.message for item in found if item.finding is Finding.WARNING]
    named = {re.findall("action '([^']+)'.* the scope '([^']+)'", text)[0] for text in warnings}
    assert named == expected
    assert found
