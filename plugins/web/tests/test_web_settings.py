"""The settings of the HTTP server: values that would make it useless are refused at the start."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from actionhero_web.settings import WebSettings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("header_timeout", 0, "greater than 0"),
        ("body_idle_timeout", 0, "greater than 0"),
        ("write_timeout", 0, "greater than 0"),
        ("header_timeout", -1, "greater than 0"),
        ("body_rate_grace", 0, "greater than 0"),
        ("keepalive_timeout", -1, "greater than or equal to 0"),
        ("preflight_max_age", -1, "greater than or equal to 0"),
        ("content_security_policy", "default-src 'self';\nscript-src 'self'", "write one line"),
        ("frame_options", "DENY\r\nX-Injected: yes", "write one line"),
        ("strict_transport_security", "max-age=1\n", "write one line"),
        ("referrer_policy", "origin\x00", "write one line"),
        ("exposed_headers", ["X-One", "X-Two\r\nX-Injected: yes"], "is neither a header nor"),
        ("allowed_headers", ["X-One, X-Two"], "is neither a header nor a method"),
        ("allowed_methods", ["GET\n"], "is neither a header nor a method"),
        *(
            (name, value, re.escape(f"{value!r} is not the path of a request; write '/"))
            for name in ("prefix", "static_route")
            for value in (
                "api",
                "/é",
                "/{x}",
                "/a b",
                "/a%20b",
                "/a?b",
                "/:a",
                "//a",
                "/a/../b",
                "/.",
                "/a\n",
            )
        ),
        ("prefix", "/api/", "is not the path of a request"),
        ("static_route", "", "is not the path of a request"),
    ],
)
def test_an_invalid_value_is_refused(name: str, value: Any, message: str) -> None:
    """A timeout of zero would disconnect every client, a line break would end the headers."""
    with pytest.raises(ValidationError, match=message) as error:
        WebSettings(**{name: value})

    assert [item["loc"] for item in error.value.errors()] == [(name,)]


@pytest.mark.parametrize("path", ["/@me", "/v1:beta", "/a+b;c=1", "/~ada/.hidden", "/a/b.c"])
def test_a_path_that_clients_send_unchanged_is_accepted(path: str) -> None:
    """See RFC 3986 §3.3."""
    settings = WebSettings(prefix=path, static_route=path)

    assert (settings.prefix, settings.static_route) == (path, path)


@pytest.mark.parametrize(
    ("host", "machine", "allowed"),
    [
        ("example.com.", "machine", [b"example.com", b"example.com.", b"machine"]),
        ("127.0.0.1", "machine.local.", [b"machine.local"]),
        ("127.0.0.1", "a..b", [b"localhost"]),
        ("..", ".", [b"localhost"]),
    ],
)
def test_the_names_of_the_machine_are_allowed_in_development(
    monkeypatch: pytest.MonkeyPatch, host: str, machine: str, allowed: list[bytes]
) -> None:
    """A name that no client can send is left out."""
    monkeypatch.setattr("socket.gethostname", lambda: machine)

    hosts = WebSettings(host=host).hosts("development")

    assert [hosts.problem(name) for name in allowed] == [None] * len(allowed)
    assert hosts.problem(b"other.example") is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefix", ""),
        ("prefix", "/.api/v2~a_b-C"),
        ("static_route", "/"),
        ("static_route", "/assets/v2/"),
        ("keepalive_timeout", 0),
        ("preflight_max_age", 0),
        ("content_security_policy", ""),
        ("content_security_policy", "default-src https://bücher.example"),
        ("allowed_headers", ["*"]),
    ],
)
def test_other_values_are_accepted(name: str, value: Any) -> None:
    """Zero is a duration where nothing depends on it, and a policy may be in any language."""
    WebSettings(**{name: value})
