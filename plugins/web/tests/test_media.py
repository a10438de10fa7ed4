"""The media types of request bodies, queries and forms."""

from __future__ import annotations

from functools import partial
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero.errors import MalformedRequest, RequestTooLarge, UnsupportedMediaType
from actionhero_web.bodies.media import MediaType, media_type_of, parse_form, parse_query


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, MediaType.NONE),
        ("", MediaType.NONE),
        ("application/json", MediaType.JSON),
        ("Application/JSON", MediaType.JSON),
        ("application/json;charset=utf-8", MediaType.JSON),
        ("application/json ; Charset=UTF-8", MediaType.JSON),
        ('application/json; charset="utf-8"', MediaType.JSON),
        ("application/json; charset=utf8", MediaType.JSON),
        ('application/json; profile="a;charset=latin-1"', MediaType.JSON),
        ("application/json;", MediaType.JSON),
        ("application/json; charset", MediaType.JSON),
        ("application/vnd.api+json", MediaType.JSON),
        ("application/problem+JSON; v=1", MediaType.JSON),
        ("application/x-www-form-urlencoded", MediaType.FORM),
        ("application/x-www-form-urlencoded; charset=UTF-8", MediaType.FORM),
        ("multipart/form-data; boundary=x", MediaType.MULTIPART),
        ("Multipart/Form-Data; boundary=x; charset=latin-1", MediaType.MULTIPART),
        ("text/plain", MediaType.OTHER),
        ("text/plain; charset=latin-1", MediaType.OTHER),
        ("application/jsonx", MediaType.OTHER),
        ("application/xjson", MediaType.OTHER),
        ("json", MediaType.OTHER),
        ("multipart/mixed", MediaType.OTHER),
        ("application/json, text/plain", MediaType.OTHER),
        (";", MediaType.OTHER),
        ("+json", MediaType.OTHER),
    ],
)
def test_the_content_type_determines_the_media_type(
    header: str | None, expected: MediaType
) -> None:
    """Case and parameters are ignored."""
    assert media_type_of(header) is expected


@pytest.mark.parametrize(
    ("header", "charset"),
    [
        ("application/json; charset=latin-1", "latin-1"),
        ('application/x+json; a="b"; charset="UTF-16"', "utf-16"),
        ("application/x-www-form-urlencoded; charset=windows-1252", "windows-1252"),
        ("application/json; charset=", ""),
    ],
)
def test_only_utf8_is_supported(header: str, charset: str) -> None:
    """The error contains the charset."""
    with pytest.raises(UnsupportedMediaType) as raised:
        media_type_of(header)

    assert raised.value.message == f"Unsupported charset {charset!r}; send UTF-8"


@settings(deadline=None)
@given(st.text())
def test_arbitrary_headers_are_handled(header: str) -> None:
    """The result is a media type or a typed error."""
    for text in (header, "application/json" + header, "application/json;charset=" + header):
        try:
            result: MediaType | str = media_type_of(text)
        except UnsupportedMediaType as error:
            result = error.message
        assert isinstance(result, MediaType) or len(result) < 1000


@pytest.mark.parametrize(
    ("encoded", "fields"),
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
def test_queries_and_forms_have_the_same_syntax(encoded: str, fields: dict[str, list[str]]) -> None:
    """The result has all values in order, by name."""
    assert parse_query(encoded) == fields
    assert parse_form(encoded.encode()) == fields


@pytest.mark.parametrize("encoded", ["a=%", "a=%z1", "%f=1", "a=%ff", "a=%ed%a0%80", "%C3"])
def test_invalid_percent_encoding_is_an_error(encoded: str) -> None:
    """It is not silently replaced."""
    with pytest.raises(MalformedRequest) as query:
        parse_query(encoded)
    with pytest.raises(MalformedRequest) as form:
        parse_form(encoded.encode())

    assert query.value.message == "The query is not percent-encoded UTF-8"
    assert form.value.message == "The form is not percent-encoded UTF-8"


def test_invalid_utf8_is_an_error() -> None:
    """aiohttp decodes invalid bytes of a query to lone surrogates."""
    with pytest.raises(MalformedRequest) as form:
        parse_form(b"a=\xff")
    with pytest.raises(MalformedRequest) as query:
        parse_query(b"a=\xff".decode(errors="surrogateescape"))

    assert form.value.message == "The form is not UTF-8"
    assert query.value.message == "The query is not percent-encoded UTF-8"


def test_the_number_of_fields_is_limited() -> None:
    """More than 1000 fields are an error."""
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
def test_encoded_fields_round_trip(pairs: list[tuple[str, str]]) -> None:
    """With both encodings of a space."""
    expected: dict[str, list[str]] = {}
    for name, value in pairs:
        expected.setdefault(name, []).append(value)

    assert parse_query(urlencode(pairs)) == expected
    assert parse_form(urlencode(pairs, quote_via=quote).encode()) == expected


@settings(deadline=None)
@given(st.text("ab=&+%21é;/"))
def test_the_result_is_the_same_as_that_of_the_standard_library(encoded: str) -> None:
    """Except that the standard library accepts invalid escapes."""
    expected: dict[str, list[str]] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        expected.setdefault(name, []).append(value)

    try:
        fields = parse_query(encoded)
    except MalformedRequest:
        assert "%" in encoded
    else:
        assert fields == expected


@settings(deadline=None)
@given(st.binary())
def test_arbitrary_bodies_are_handled(body: bytes) -> None:
    """The result is a mapping of fields or a typed error."""
    queries = (body.decode("latin-1"), body.decode(errors="surrogateescape"))
    for parse in (partial(parse_form, body), *(partial(parse_query, query) for query in queries)):
        try:
            fields = parse()
        except (MalformedRequest, RequestTooLarge) as error:
            fields = {"error": [error.message]}
        assert all(fields.values())
