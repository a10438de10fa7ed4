"""What a request carries."""

from __future__ import annotations

from functools import partial
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero.errors import MalformedRequest, RequestTooLarge, UnsupportedMediaType
from actionhero_web.media import Media, kind, parse_form, parse_query


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Media.NONE),
        ("", Media.NONE),
        ("application/json", Media.JSON),
        ("Application/JSON", Media.JSON),
        ("application/json;charset=utf-8", Media.JSON),
        ("application/json ; Charset=UTF-8", Media.JSON),
        ('application/json; charset="utf-8"', Media.JSON),
        ("application/json; charset=utf8", Media.JSON),
        ('application/json; profile="a;charset=latin-1"', Media.JSON),
        ("application/json;", Media.JSON),
        ("application/json; charset", Media.JSON),
        ("application/vnd.api+json", Media.JSON),
        ("application/problem+JSON; v=1", Media.JSON),
        ("application/x-www-form-urlencoded", Media.FORM),
        ("application/x-www-form-urlencoded; charset=UTF-8", Media.FORM),
        ("multipart/form-data; boundary=x", Media.MULTIPART),
        ("Multipart/Form-Data; boundary=x; charset=latin-1", Media.MULTIPART),
        ("text/plain", Media.OTHER),
        ("text/plain; charset=latin-1", Media.OTHER),
        ("application/jsonx", Media.OTHER),
        ("application/xjson", Media.OTHER),
        ("json", Media.OTHER),
        ("multipart/mixed", Media.OTHER),
        ("application/json, text/plain", Media.OTHER),
        (";", Media.OTHER),
        ("+json", Media.OTHER),
    ],
)
def test_the_content_type_tells_how_to_read_a_body(header: str | None, expected: Media) -> None:
    """In any case, with any parameters."""
    assert kind(header) is expected


@pytest.mark.parametrize(
    ("header", "charset"),
    [
        ("application/json; charset=latin-1", "latin-1"),
        ('application/x+json; a="b"; charset="UTF-16"', "utf-16"),
        ("application/x-www-form-urlencoded; charset=windows-1252", "windows-1252"),
        ("application/json; charset=", ""),
    ],
)
def test_only_utf8_is_read(header: str, charset: str) -> None:
    """Everything else would have to be guessed."""
    with pytest.raises(UnsupportedMediaType) as raised:
        kind(header)

    assert raised.value.message == f"Unsupported charset {charset!r}; send UTF-8"


@settings(deadline=None)
@given(st.text())
def test_no_header_breaks_the_reading(header: str) -> None:
    """Whatever a client sends."""
    for text in (header, "application/json" + header, "application/json;charset=" + header):
        try:
            told: Media | str = kind(text)
        except UnsupportedMediaType as error:
            told = error.message
        assert isinstance(told, Media) or len(told) < 1000


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ("", {}),
        ("verbose=true", {"verbose": ["true"]}),
        ("a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        ("a", {"a": [""]}),
        ("a=", {"a": [""]}),
        ("=1", {"": ["1"]}),
        ("a=1&&b=2&", {"a": ["1"], "b": ["2"]}),
        ("a=b=c", {"a": ["b=c"]}),
        ("a=x+y", {"a": ["x y"]}),
        ("a+b=1", {"a b": ["1"]}),
        ("a=x%20y%2B", {"a": ["x y+"]}),
        ("n%C3%A4me=%C3%A9", {"näme": ["é"]}),
        ("a=é", {"a": ["é"]}),
        ("a=1;b=2", {"a": ["1;b=2"]}),
        ("a=%26%3D", {"a": ["&="]}),
        ("a=%00", {"a": ["\0"]}),
    ],
)
def test_queries_and_forms_are_read_alike(raw: str, fields: dict[str, list[str]]) -> None:
    """By name, all values, in order."""
    assert parse_query(raw) == fields
    assert parse_form(raw.encode()) == fields


@pytest.mark.parametrize("raw", ["a=%", "a=%z1", "%f=1", "a=%ff", "a=%ed%a0%80", "%C3"])
def test_what_cannot_be_decoded_is_refused(raw: str) -> None:
    """Nothing is repaired in silence."""
    with pytest.raises(MalformedRequest) as query:
        parse_query(raw)
    with pytest.raises(MalformedRequest) as form:
        parse_form(raw.encode())

    assert query.value.message == "The query is not percent-encoded UTF-8"
    assert form.value.message == "The form is not percent-encoded UTF-8"


def test_bytes_that_are_not_utf8_are_refused() -> None:
    """A server hands us those of a query as lone surrogates."""
    with pytest.raises(MalformedRequest) as form:
        parse_form(b"a=\xff")
    with pytest.raises(MalformedRequest) as query:
        parse_query(b"a=\xff".decode(errors="surrogateescape"))

    assert form.value.message == "The form is not UTF-8"
    assert query.value.message == "The query is not percent-encoded UTF-8"


def test_there_is_a_limit_to_the_number_of_fields() -> None:
    """A small request must not cost much."""
    assert len(parse_query("&".join(f"a{i}=1" for i in range(1000)))) == 1000

    with pytest.raises(MalformedRequest) as query:
        parse_query("a&" * 1000)
    with pytest.raises(RequestTooLarge) as form:
        parse_form(b"a=1&" * 1000 + b"a=1")

    assert query.value.message == "The query has more than 1000 fields"
    assert form.value.message == "The form has more than 1000 fields"


_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@settings(deadline=None)
@given(st.lists(st.tuples(_TEXT, _TEXT), max_size=20))
def test_what_a_client_encodes_is_read_back(pairs: list[tuple[str, str]]) -> None:
    """In both ways to write a space."""
    expected: dict[str, list[str]] = {}
    for name, value in pairs:
        expected.setdefault(name, []).append(value)

    assert parse_query(urlencode(pairs)) == expected
    assert parse_form(urlencode(pairs, quote_via=quote).encode()) == expected


@settings(deadline=None)
@given(st.text("ab=&+%21é;/"))
def test_the_standard_library_reads_the_same(raw: str) -> None:
    """Except that it lets broken escapes pass."""
    expected: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        expected.setdefault(name, []).append(value)

    try:
        fields = parse_query(raw)
    except MalformedRequest:
        assert "%" in raw
    else:
        assert fields == expected


@settings(deadline=None)
@given(st.binary())
def test_no_body_breaks_the_reading(body: bytes) -> None:
    """Whatever a client sends is fields, or is refused."""
    queries = (body.decode("latin-1"), body.decode(errors="surrogateescape"))
    for read in (partial(parse_form, body), *(partial(parse_query, query) for query in queries)):
        try:
            fields = read()
        except (MalformedRequest, RequestTooLarge) as error:
            fields = {"refused": [error.message]}
        assert all(fields.values())
