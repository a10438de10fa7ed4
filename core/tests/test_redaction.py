"""Redaction of secrets in values, texts and URLs."""

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

from actionhero.inputs.scrubber import Scrubber
from actionhero.redaction import (
    REDACTED,
    SENSITIVE_KEYS,
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


def test_secret_inputs_are_redacted() -> None:
    """Values with a secret name are replaced, others are not changed."""
    inputs = {
        "name": "Ada",
        "password": "hunter22",
        "age": 36,
        "score": 1.5,
        "on": date(2026, 1, 2),
    }

    redacted = redact(inputs, NAMES)

    assert redacted == {
        "name": "Ada",
        "password": REDACTED,
        "age": 36,
        "score": 1.5,
        "on": date(2026, 1, 2),
    }
    assert inputs["password"] == "hunter22"


@pytest.mark.parametrize(
    ("value", "expected"),
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
def test_secrets_are_redacted_at_any_depth(value: Any, expected: Any) -> None:
    """Inside lists, models and dataclasses."""
    assert redact(value, NAMES) == expected


def test_long_text_is_cut() -> None:
    """The default limit is 100 characters."""
    text = "x" * 101

    assert redact({"a": text, "b": "x" * 100}, NAMES) == {"a": "x" * 100 + "…", "b": "x" * 100}
    assert redact([text], NAMES, limit=3) == ["xxx…"]
    assert redact({"a": text}, NAMES, limit=None) == {"a": text}


def test_bytes_and_files_are_replaced_by_their_size() -> None:
    """The content is not logged."""
    inputs = {"bytes": b"secret", "more": bytearray(3), "file": Upload(b"secret")}

    redacted = redact(inputs, NAMES)

    assert redacted == {"bytes": "<6 bytes>", "more": "<3 bytes>", "file": "<file of 2048 bytes>"}


def test_the_number_of_values_is_limited() -> None:
    """Of ten thousand values, five hundred are kept."""
    redacted = redact({"a": list(range(10_000)), "b": 1}, NAMES)

    assert len(redacted["a"]) == 500
    assert redacted["a"][-2:] == [498, "…"]
    assert redacted["…"] == "…"
    assert redact(list(range(10_000)), NAMES, limit=None) == list(range(10_000))


def test_a_value_that_contains_itself_can_be_redacted() -> None:
    """The copy ends with an ellipsis."""
    value: list[Any] = []
    value.append(value)

    redacted = redact(value, NAMES, limit=None)

    assert "…" in str(redacted)


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
def test_secrets_are_scrubbed_in_all_forms(secret: str, form: Any) -> None:
    """Tracebacks, JSON and URLs write the same password differently."""
    if form(secret) == quote(secret, safe="").lower():
        secret = secret.lower()  # the form also changes letters outside of escapes
    scrubber = Scrubber.from_inputs({"password": secret}, NAMES)

    scrubbed = scrubber.scrub(f"before {form(secret)} after")

    assert REDACTED in scrubbed
    assert secret not in scrubbed
    assert scrubbed.startswith("before ")
    assert scrubbed.endswith(" after")
    assert len(scrubbed) < 60


def test_secrets_are_collected_from_nested_inputs() -> None:
    """Text, numbers, bytes and models with a secret name."""
    inputs = {
        "name": "Ada",
        "cards": [Card(123456, "Ada")],
        "account": Account(name="Ada", password="hunter22"),
        "password": {"old": ["first-one"], "new": SecretStr("second-one"), "bytes": b"third-one"},
        "pin": [True, None, 1.25, date(2026, 1, 2)],
    }
    scrubber = Scrubber.from_inputs(inputs, NAMES)

    scrubbed = scrubber.scrub(
        "Ada 123456 hunter22 first-one second-one third-one 1.25 2026-01-02 True None"
    )

    assert scrubbed == f"Ada {' '.join([REDACTED] * 7)} True None"


def test_short_secrets_are_scrubbed_as_whole_words_only() -> None:
    """A PIN of 42 does not affect longer numbers with these digits."""
    scrubber = Scrubber(["42", "abc"])

    scrubbed = scrubber.scrub("42 1421 id=42, abc abcd ('abc')")

    assert scrubbed == f"{REDACTED} 1421 id={REDACTED}, {REDACTED} abcd ('{REDACTED}')"


def test_longer_secrets_are_scrubbed_first() -> None:
    """No rest remains of a secret that contains another one."""
    scrubber = Scrubber(["hunter", "hunter22"])

    assert scrubber.scrub("hunter22 hunter") == f"{REDACTED} {REDACTED}"


def test_text_without_secrets_is_not_changed() -> None:
    """An empty password is in every text, so it is ignored."""
    for scrubber in (
        Scrubber(),
        Scrubber(["", " ", None, True]),
        Scrubber.from_inputs({"password": "hunter22"}, frozenset()),
        Scrubber.from_inputs({"name": "hunter22"}, NAMES),
    ):
        assert scrubber.scrub("hunter22 True") == "hunter22 True"


def test_secrets_with_a_lone_surrogate_are_scrubbed() -> None:
    """Text from the command line may contain one."""
    scrubber = Scrubber(["pass\udcffword"])

    assert scrubber.scrub("x pass\udcffword y") == f"x {REDACTED} y"


@given(st.text(min_size=4), st.text(), st.text())
def test_any_secret_is_scrubbed(secret: str, before: str, after: str) -> None:
    """Property test with arbitrary text."""
    assume(secret.strip() and secret not in REDACTED)

    scrubbed = Scrubber([secret]).scrub(f"{before}{secret}{after}")

    assert REDACTED in scrubbed
    assert secret not in scrubbed.replace(REDACTED, "") or secret in before + after


# -- sensitive keys ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "password", "Password", "user_password", "databasePassword", "passwd", "pwd", "secret",
        "client-secret", "token", "csrfToken", "refresh_tokens", "Authorization",
        "Proxy-Authorization", "Cookie", "set-cookie", "api_key", "X-API-Key", "apiKey",
        "private_key", "session_id", "sid", "password_hash", "JWT",
    ],
)  # fmt: skip
def test_sensitive_keys_are_recognized_in_any_spelling(key: str) -> None:
    """Upper or lower case, with dashes, underscores or camel case."""
    assert is_sensitive(key)


@pytest.mark.parametrize("key", ["name", "token_count", "compass", "shipping", "author", 7, None])
def test_similar_keys_are_not_sensitive(key: object) -> None:
    """Redacting them would make the log useless."""
    assert not is_sensitive(key)


def test_sensitive_keys_are_listed() -> None:
    """The list is public."""
    assert {"password", "token", "authorization", "cookie", "apikey"} <= SENSITIVE_KEYS


def test_values_of_sensitive_keys_are_redacted_at_any_depth() -> None:
    """Also inside lists and models."""
    value = {
        "headers": {"Cookie": "a=b", "Accept": "*/*"},
        "rows": [{"api_key": "x"}, Account(name="Ada", password="x")],
        "n": 1,
    }

    redacted = redact_sensitive(value)

    assert redacted == {
        "headers": {"Cookie": REDACTED, "Accept": "*/*"},
        "rows": [{"api_key": REDACTED}, {"name": "Ada", "password": REDACTED}],
        "n": 1,
    }


def test_redact_sensitive_accepts_a_value_that_contains_itself() -> None:
    """The copy ends with an ellipsis."""
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
        ("postgres://app:/secret@db/x", "postgres://app:******@db/x", ...),
        ("postgres://app:#secret@db/x", "postgres://app:******@db/x", ...),
        ("postgres://app:123/4@db/x", "postgres://app:******@db/x", ...),
        ("postgres://app:12?34@db", "postgres://app:******@db", ...),
        ("https://h/cb#access_token=abc", "https://h/cb#access_token=******", ...),
        ("amqp://h/x?pass=a;password=b", "amqp://h/x?pass=******", ...),
        ("redis://h:6379/0", "redis://h:6379/0", ...),
        ("redis://:one@a, redis://:two@b", "redis://:******@a, redis://:******@b", ...),
    ],
)
def test_a_whole_url_and_urls_in_running_text_are_masked(
    text: str, whole: str, running: str | EllipsisType
) -> None:
    """`mask_url` reads the whole text as a URL; `mask_urls` ends a URL at white space."""
    assert mask_url(text) == whole
    assert mask_urls(text) == (whole if running is ... else running)


def test_a_text_with_very_many_secrets_is_replaced_as_a_whole() -> None:
    """Their pattern would take seconds; a text without them is unchanged."""
    secrets = [f"secret{number}" for number in range(100_000)]
    scrubber = Scrubber([*secrets, *secrets, "1"])
    text = "no such row: secret12345"

    assert scrubber.scrub("no such row") == "no such row"
    assert scrubber.scrub(f"{text}, 1") == f"no such row: {REDACTED}, {REDACTED}"
    assert scrubber.scrub(" ".join(secrets[:2000])) == scrubber.scrub("x" * 2000) == REDACTED
    narrowed = scrubber.narrowed(f"other\n{text}")
    assert narrowed.scrub(text) == f"no such row: {REDACTED}"
    assert narrowed.scrub("secret99999") == "secret99999"
    assert scrubber.narrowed("x" * 2000).scrub("x") == REDACTED


def test_a_text_with_very_many_forms_of_secrets_is_replaced_as_a_whole() -> None:
    """Their pattern would take seconds, although there are few secrets."""
    secrets = [f"'\"&<é{number:090}" for number in range(990)]

    assert Scrubber(secrets).scrub(" ".join(secrets)) == REDACTED
    assert Scrubber(secrets[:100]).scrub(" ".join(secrets[:100])) == " ".join([REDACTED] * 100)
