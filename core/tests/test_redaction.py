"""Secrets do not reach what people read."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr

from actionhero.redaction import (
    REDACTED,
    SENSITIVE_KEYS,
    Scrubber,
    is_sensitive,
    mask_url,
    mask_urls,
    redact,
    redact_sensitive,
)

if TYPE_CHECKING:
    from types import EllipsisType

NAMES = frozenset({"password", "pin"})


class Account(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    password: str


@dataclasses.dataclass
class Card:
    pin: int
    owner: str


class Upload(io.BytesIO):
    content_type = "image/png"
    size = 2048


# -- redact ------------------------------------------------------------------------------------


def test_secret_inputs_are_not_shown() -> None:
    """What is named secret is replaced, and the rest stays."""
    inputs = {
        "name": "Ada",
        "password": "hunter22",
        "age": 36,
        "score": 1.5,
        "on": date(2026, 1, 2),
    }

    shown = redact(inputs, NAMES)

    assert shown == {
        "name": "Ada",
        "password": REDACTED,
        "age": 36,
        "score": 1.5,
        "on": date(2026, 1, 2),
    }
    assert inputs["password"] == "hunter22"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [{"password": "x"}]}, {"a": [{"password": REDACTED}]}),
        (({"a": ({"pin": 1},)},), [{"a": [{"pin": REDACTED}]}]),
        ({"password": {"old": "x", "new": ["y"]}}, {"password": REDACTED}),
        (
            {"account": Account.model_validate({"name": "Ada", "password": "x", "pin": 1})},
            {"account": {"name": "Ada", "password": REDACTED, "pin": REDACTED}},
        ),
        ({"card": Card(1234, "Ada")}, {"card": {"pin": REDACTED, "owner": "Ada"}}),
        ({"key": SecretStr("x")}, {"key": REDACTED}),
        ({1: "a", None: {"b"}}, {1: "a", None: ["b"]}),
        ({"type": Account, "card": Card}, {"type": Account, "card": Card}),
    ],
    ids=str,
)  # fmt: skip
def test_secrets_are_found_however_deep(value: Any, shown: Any) -> None:
    """Lists, models and dataclasses hide nothing."""
    assert redact(value, NAMES) == shown


def test_long_text_is_cut() -> None:
    """A line of the log stays readable: 100 characters, unless told otherwise."""
    text = "x" * 101

    assert redact({"a": text, "b": "x" * 100}, NAMES) == {"a": "x" * 100 + "…", "b": "x" * 100}
    assert redact([text], NAMES, limit=3) == ["xxx…"]
    assert redact({"a": text}, NAMES, limit=None) == {"a": text}


def test_bytes_and_files_tell_their_size_only() -> None:
    """Nobody wants a picture in the log."""
    inputs = {"raw": b"secret", "more": bytearray(3), "file": Upload(b"secret")}

    shown = redact(inputs, NAMES)

    assert shown == {"raw": "<6 bytes>", "more": "<3 bytes>", "file": "<file of 2048 bytes>"}


def test_a_stranger_cannot_make_a_line_endless() -> None:
    """Of ten thousand values, five hundred are shown."""
    shown = redact({"a": list(range(10_000)), "b": 1}, NAMES)

    assert len(shown["a"]) == 500
    assert shown["a"][-2:] == [498, "…"]
    assert shown["…"] == "…"
    assert redact(list(range(10_000)), NAMES, limit=None) == list(range(10_000))


def test_a_value_that_contains_itself_can_be_shown() -> None:
    """It ends with an ellipsis."""
    value: list[Any] = []
    value.append(value)

    shown = redact(value, NAMES, limit=None)

    assert "…" in str(shown)


# -- the scrubber ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        "hunter22", 'quo"te\'s', "new\nline", "back\\slash", "ümläut", "a&b=c d/é", "p@ss:w%rd",
        "a" * 2000,
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "form",
    [
        str,
        repr,
        lambda text: repr({"x": [text]}),
        lambda text: repr(text.encode()),
        json.dumps,
        lambda text: json.dumps({"x": text}, ensure_ascii=False),
        lambda text: json.dumps(json.dumps({"x": text})),
        quote,
        lambda text: quote(text, safe="").lower(),
        quote_plus,
    ],
)
def test_a_secret_is_found_in_whatever_form_it_is_written(secret: str, form: Any) -> None:
    """Tracebacks, JSON and URLs all write the same password in another way."""
    if form(secret) == quote(secret, safe="").lower():
        secret = secret.lower()  # the form changes letters that are no escape
    scrubber = Scrubber.from_inputs({"password": secret}, NAMES)

    scrubbed = scrubber.scrub(f"before {form(secret)} after")

    assert REDACTED in scrubbed
    assert secret not in scrubbed
    assert scrubbed.startswith("before ")
    assert scrubbed.endswith(" after")
    assert len(scrubbed) < 60


def test_secrets_are_collected_from_nested_inputs() -> None:
    """Text, numbers, bytes, models: whatever stands under a secret name."""
    inputs = {
        "name": "Ada",
        "cards": [Card(123456, "Ada")],
        "account": Account(name="Ada", password="hunter22"),
        "password": {"old": ["first-one"], "new": SecretStr("second-one"), "raw": b"third-one"},
        "pin": [True, None, 1.25, date(2026, 1, 2)],
    }
    scrubber = Scrubber.from_inputs(inputs, NAMES)

    scrubbed = scrubber.scrub(
        "Ada 123456 hunter22 first-one second-one third-one 1.25 2026-01-02 True None"
    )

    assert scrubbed == f"Ada {' '.join([REDACTED] * 7)} True None"


def test_a_short_secret_is_only_found_as_a_word() -> None:
    """A PIN of 42 does not blacken every number with these digits."""
    scrubber = Scrubber(["42", "abc"])

    scrubbed = scrubber.scrub("42 1421 id=42, abc abcd ('abc')")

    assert scrubbed == f"{REDACTED} 1421 id={REDACTED}, {REDACTED} abcd ('{REDACTED}')"


def test_the_longer_secret_goes_first() -> None:
    """Nothing is left of a secret of which another one is a part."""
    scrubber = Scrubber(["hunter", "hunter22"])

    assert scrubber.scrub("hunter22 hunter") == f"{REDACTED} {REDACTED}"


def test_without_secrets_the_text_is_as_it_was() -> None:
    """An empty password is in every text, and is not looked for."""
    for scrubber in (
        Scrubber(),
        Scrubber(["", " ", None, True]),
        Scrubber.from_inputs({"password": "hunter22"}, frozenset()),
        Scrubber.from_inputs({"name": "hunter22"}, NAMES),
    ):
        assert scrubber.scrub("hunter22 True") == "hunter22 True"


def test_a_secret_with_a_lone_surrogate_is_found() -> None:
    """Text from the command line may have one."""
    scrubber = Scrubber(["pass\udcffword"])

    assert scrubber.scrub("x pass\udcffword y") == f"x {REDACTED} y"


@given(st.text(min_size=4), st.text(), st.text())
def test_any_secret_is_found(secret: str, before: str, after: str) -> None:
    """Whatever somebody's password is."""
    assume(secret.strip() and secret not in REDACTED)

    scrubbed = Scrubber([secret]).scrub(f"{before}{secret}{after}")

    assert REDACTED in scrubbed
    assert secret not in scrubbed.replace(REDACTED, "") or secret in before + after


# -- keys that are always secret ---------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "password", "Password", "user_password", "databasePassword", "passwd", "pwd", "secret",
        "client-secret", "token", "csrfToken", "refresh_tokens", "Authorization",
        "Proxy-Authorization", "Cookie", "set-cookie", "api_key", "X-API-Key", "apiKey",
        "private_key", "session_id", "sid", "password_hash", "JWT",
    ],
)  # fmt: skip
def test_a_key_is_sensitive_however_it_is_written(key: str) -> None:
    """Upper or lower case, with dashes, underscores or humps."""
    assert is_sensitive(key)


@pytest.mark.parametrize("key", ["name", "token_count", "compass", "shipping", "author", 7, None])
def test_a_key_that_only_looks_alike_is_shown(key: object) -> None:
    """Too much black hides what the log is for."""
    assert not is_sensitive(key)


def test_sensitive_keys_are_listed() -> None:
    """Others can ask for the list."""
    assert {"password", "token", "authorization", "cookie", "apikey"} <= SENSITIVE_KEYS


def test_what_stands_under_a_sensitive_key_is_redacted_at_any_depth() -> None:
    """Nobody has to remember it when they log."""
    value = {
        "headers": {"Cookie": "a=b", "Accept": "*/*"},
        "rows": [{"api_key": "x"}, Account(name="Ada", password="x")],
        "n": 1,
    }

    shown = redact_sensitive(value)

    assert shown == {
        "headers": {"Cookie": REDACTED, "Accept": "*/*"},
        "rows": [{"api_key": REDACTED}, {"name": "Ada", "password": REDACTED}],
        "n": 1,
    }


def test_a_logged_value_may_contain_itself() -> None:
    """Logging never hangs."""
    value: dict[str, Any] = {"a": 1}
    value["self"] = value

    assert "…" in str(redact_sensitive(value))


# -- URLs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://:hunter22@host:6379/0", "redis://:******@host:6379/0"),
        ("postgres://ada:hunter22@host/db", "postgres://ada:******@host/db"),
        ("cannot reach 'redis://a:p@ss@h' now", "cannot reach 'redis://a:******@h' now"),
        ("redis://:one@a,redis://:two@b", "redis://:******@a,redis://:******@b"),
        ("postgres://ada:hun/ter@host/db", "postgres://ada:******@host/db"),
        ("POSTGRES+ASYNC://a:b@[::1]:5432/x", "POSTGRES+ASYNC://a:******@[::1]:5432/x"),
        ("http://host:8080/path?mail=a@b.c", "http://host:8080/path?mail=a@b.c"),
        ("http://ada@host:80/", "http://ada@host:80/"),
        ("see http://host:80, or ask ada@host", "see http://host:80, or ask ada@host"),
        ("no url: a:b@c", "no url: a:b@c"),
        (
            "to mysql://host/x?password=hunter22&a=b failed",
            "to mysql://host/x?password=******&a=b failed",
        ),
        ("://", "://"),
    ],
)
def test_passwords_in_urls_in_running_text_are_masked(text: str, masked: str) -> None:
    """A connection error names the host but not the password."""
    assert mask_urls(text) == masked


@pytest.mark.parametrize(
    ("text", "whole", "running"),
    [
        ("redis://:pw@h:6379/0", "redis://:******@h:6379/0", ...),
        ("postgres://u:p@ss/w@h/db", "postgres://u:******@h/db", ...),
        (
            "see http://a:b@h/x and mail me@x.org",
            "see http://a:******@x.org",
            "see http://a:******@h/x and mail me@x.org",
        ),
        ("http://h:8080/a@b", "http://h:8080/a@b", ...),
        ("http://h:80/x?to=me@x.org", "http://h:80/x?to=me@x.org", ...),
        ("amqp://a:b@h;amqp://c:d@i", "amqp://a:******@h;amqp://c:******@i", ...),
        ("a://u:p@h b://v:q@i", "a://u:******@i", "a://u:******@h b://v:******@i"),
        (
            "http://u:p@h/x?token=abc&y=1#f",
            "http://u:******@h/x?token=******&y=1#f",
            ...,
        ),
        ("https://user@h/x", "https://user@h/x", ...),
        ("redis://u:a b@h", "redis://u:******@h", "redis://u:a b@h"),
        (
            'redis://u:p@h "quoted" x@y',
            "redis://u:******@y",
            'redis://u:******@h "quoted" x@y',
        ),
        ("x?password=1", "x?password=******", ...),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db", ...),
        ("redis://u:12@34@h", "redis://u:******@h", ...),
        ("http://u:p@h/x?to=me@x.org", "http://u:******@h/x?to=me@x.org", ...),
        ("redis://u:p?x@h", "redis://u:******@h", ...),
        ("redis://u:p?a=b@h", "redis://u:******@h", ...),
        ("redis://:12/34@h", "redis://:******@h", ...),
        ("redis://u:123456/7@h", "redis://u:******@h", ...),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b", ...),
        ("postgres://u@tenant:pw@h/d", "postgres://u@tenant:******@h/d", ...),
        ("a://h1:6379,h2:6379/0", "a://h1:6379,h2:6379/0", ...),
        ("redis://:one@a, redis://:two@b", "redis://:******@a, redis://:******@b", ...),
    ],
)
def test_a_whole_url_and_urls_in_running_text_are_masked(
    text: str, whole: str, running: str | EllipsisType
) -> None:
    """`mask_url` reads the whole text as a URL; `mask_urls` ends a URL at white space."""
    assert mask_url(text) == whole
    assert mask_urls(text) == (whole if running is ... else running)
