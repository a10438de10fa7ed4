"""The settings and attributes that exempt pages of other sites, and their validation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from actionhero import Action, App, hookimpl
from actionhero.settings.sources import read_sources
from actionhero_web import WebSettings, plugin
from actionhero_web.responses.origins import has_host, trusted_origin

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("origin", "normalized"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
    ids=str,
)
def test_a_trusted_origin_is_compared_as_browsers_send_it(origin: str, normalized: str) -> None:
    """In lower case, without the default port."""
    assert trusted_origin(origin) == normalized


@pytest.mark.parametrize(
    ("origin", "problem"),
    [
        ("https://app.example.com/", "has a trailing slash"),
        ("https://app.example.com/path", "has a path"),
        ("https://app.example.com/path/", "has a path"),
        ("app.example.com", "has no scheme"),
        ("app.example.com:8080", "has no scheme"),
        ("//app.example.com", "has no scheme"),
        ("://app.example.com", "has no scheme"),
        ("*", "has no scheme"),
        ("", "has no scheme"),
        ("https://*.example.com", "is not a scheme and a host"),
        ("https://user@example.com", "is not a scheme and a host"),
        ("https://app.example.com?", "is not a scheme and a host"),
        ("https://app.example.com#a", "is not a scheme and a host"),
        (" https://app.example.com", "is not a scheme and a host"),
        ("https://", "is not a scheme and a host"),
        ("https://[::1", "is not a scheme and a host"),
        ("https://bücher.example", "is not a scheme and a host"),
        ("null", "cannot be allowed, as every sandboxed page and local file has it"),
    ],
    ids=str,
)
def test_an_invalid_trusted_origin_is_an_error_at_start(origin: str, problem: str) -> None:
    """That names the origin and the remedy."""
    with pytest.raises(ValidationError, match=re.escape(f"the origin {origin!r} {problem}")):
        WebSettings(trusted_origins=[origin])


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://a.example", "a.example", True),
        ("https://a.example", "a.example:443", True),
        ("https://a.example", "a.example:", True),
        ("https://A.example", "a.EXAMPLE", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://a.example:8080", "a.example:8080", True),
        ("http://a.example:8080", "a.example", False),
        ("https://a.example", "a.example:80", False),
        ("http://a.example:443", "a.example", False),
        ("http://a.example.", "a.example", False),
        ("http://b.a.example", "a.example", False),
        ("null", "", False),
        ("null", "null", False),
        ("", "", False),
        ("http://", "", False),
        ("http://a.example", "", False),
        ("null, http://a.example", "a.example", False),
        ("http://a.example, http://a.example", "a.example", False),
        ("http://b.example@a.example", "a.example", False),
    ],
    ids=str,
)
def test_origins_and_hosts_are_compared_with_their_default_ports(
    origin: str, host: str, *, expected: bool
) -> None:
    """A part of a name is not a match, nor is an opaque origin."""
    assert has_host(origin, host) is expected


@given(st.text(), st.text())
def test_only_an_origin_with_the_same_name_matches(origin: str, host: str) -> None:
    """No text makes the comparison fail with an error."""
    assert not has_host(origin, host) or host.lower().partition(":")[0] in origin.lower()


class Webhook(Action):
    name = "webhook"
    web = "POST /webhook"
    cross_origin: Any = "https://partner.example"

    async def run(self) -> None:
        pass


class Empty(Webhook):
    name = "webhook:empty"
    web = "POST /webhook/empty"
    cross_origin = []


class Actions:
    """A plugin with actions."""

    def __init__(self, *actions: type[Action]) -> None:
        self._actions = actions

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return list(self._actions)


@pytest.mark.parametrize("action", [Webhook, Empty], ids=lambda action: action.name)
def test_an_invalid_exemption_is_an_error_at_start(tmp_path: Path, action: type[Webhook]) -> None:
    """With the action, its file, and the valid value."""
    app = App.from_plugins([plugin, Actions(action)], read_sources(tmp_path, environ={}))

    [problem] = app.problems
    assert problem.startswith(f"action {action.name!r} (")
    assert "test_cross_origin.py:" in problem
    assert f"has an invalid cross_origin: {action.cross_origin!r}; use True for " in problem
