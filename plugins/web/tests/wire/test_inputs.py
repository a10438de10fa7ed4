"""The sources and the validation of inputs, and the errors of invalid ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response

VALID = {"name": "Ada", "email": "a@b.c", "password": "correct horse"}


def create(client: HttpClient, **changes: Any) -> Response:
    return client.send("PUT", "/api/account", json={**VALID, **changes})


def invalid_status(client: HttpClient) -> int:
    return 422 if client.error_format == "standard" else 406


def test_all_invalid_inputs_have_the_same_status(client: HttpClient) -> None:
    """422, or 406 in the format `actionhero`, with the same error type."""
    changes: list[dict[str, Any]] = [
        {"name": 7}, {"name": "A"}, {"email": "x"}, {"age": -1}, {"age": 1.5}, {"tags": "x"},
        {"address": []}, {"password": "short"},
    ]  # fmt: skip

    for change in changes:
        response = create(client, **change)

        assert response.status == invalid_status(client)
        assert response.error["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
        assert response.error["key"] == next(iter(change))


def test_a_missing_field_is_a_missing_required_param(client: HttpClient) -> None:
    """Clients of the original ActionHero compare this text."""
    error = client.send("PUT", "/api/account", json={}).error

    assert error["message"] == "Missing required param: name"
    assert error["key"] == "name"
    assert "value" not in error


def test_all_invalid_inputs_are_listed_in_order_of_declaration(client: HttpClient) -> None:
    """Regardless of their order in the request."""
    response = client.send(
        "PUT", "/api/account", json={"age": -5, "password": "short", "email": "invalid"}
    )

    error = response.error
    assert error["message"] == "Missing required param: name"
    assert [problem["pointer"] for problem in error["errors"]] == [
        "/name", "/email", "/password", "/age",
    ]  # fmt: skip
    assert error["errors"][1] == {
        "pointer": "/email", "message": "This is not a valid email", "type": "value_error",
    }  # fmt: skip
    assert [list(problem) for problem in error["errors"]] == [["pointer", "message", "type"]] * 4


def test_key_and_value_are_those_of_the_first_invalid_input(client: HttpClient) -> None:
    """The value is the original one."""
    error = create(client, email="invalid", age=-5).error

    assert (error["key"], error["value"]) == ("email", "invalid")
    assert error["message"] == error["errors"][0]["message"] == "This is not a valid email"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"address": {"street": "x", "zip": "1"}}, "/address/zip"),
        ({"address": {"street": "x"}}, "/address/zip"),
        ({"tags": [1, "two"]}, "/tags/1"),
        ({"addresses": [{"street": "x", "zip": "123"}, {"street": 1, "zip": "123"}]},
         "/addresses/1/street"),
        ({"postalCode": "123456"}, "/postalCode"),
        ({"counts": {"a/b~c": "x"}}, "/counts/a~1b~0c"),
        ({"age": 1.5}, "/age"),
        ({"tags": [1, 2.5]}, "/tags/1"),
        ({"address": {"street": "x", "zip": "123", "floor": "x"}}, "/address/floor"),
        ({"counts": {"x": 1.5}}, "/counts/x"),
    ],
)  # fmt: skip
def test_pointers_refer_to_the_invalid_value(
    client: HttpClient, change: dict[str, Any], pointer: str
) -> None:
    """By RFC 6901, through objects, lists and aliases."""
    response = create(client, **change)

    assert response.status == invalid_status(client)
    assert [problem["pointer"] for problem in response.error["errors"]] == [pointer]
    assert response.error["key"] == next(iter(change))


def test_the_message_of_a_missing_nested_field_contains_its_name(client: HttpClient) -> None:
    """`Missing required param: zip`, at `/address/zip`, of the input `address`."""
    error = create(client, address={"street": "x"}).error

    assert error["message"] == "Missing required param: zip"
    assert error["key"] == "address"


def test_the_value_of_a_secret_is_omitted(client: HttpClient) -> None:
    """It is neither in `value` nor in a message."""
    for password in ("s3cr3t!", "1234567890123"):
        response = create(client, password=password)

        assert response.error["key"] == "password"
        assert "value" not in response.error
        assert password.encode() not in response.body


def test_a_nested_secret_is_redacted_in_the_value(client: HttpClient) -> None:
    """The rest of the object is unchanged."""
    response = create(client, address={"street": "x", "zip": "1", "entry_code": "hunter2"})

    assert response.error["value"] == {"street": "x", "zip": "1", "entry_code": "[redacted]"}
    assert b"hunter2" not in response.body


def test_a_nested_secret_of_the_wrong_type_is_redacted(client: HttpClient) -> None:
    """Also if the secret itself is invalid."""
    response = create(client, address={"street": "x", "zip": "123", "entry_code": 4711})

    assert response.error["errors"][0]["pointer"] == "/address/entry_code"
    assert b"4711" not in response.body


def test_a_secret_in_a_query_is_omitted(client: HttpClient) -> None:
    """Like in JSON."""
    response = client.get("/api/account?name=Ada&email=a@b.c&password=s3cr3t!")

    assert response.error["key"] == "password"
    assert b"s3cr3t" not in response.body


def test_a_long_value_is_truncated_to_1000_characters(client: HttpClient) -> None:
    """Text and objects."""
    text = create(client, name="x" * 3000).error["value"]
    address = create(client, address={"street": "x" * 3000, "zip": "1"}).error["value"]

    assert text == "x" * 1000
    assert isinstance(address, str)
    assert len(address) == 1000


def test_unknown_inputs_are_ignored(client: HttpClient) -> None:
    """The action does not get them, and they are not an error."""
    response = client.post("/api/echo?other=1", {"text": "x", "unknown": {"a": 1}, "__proto__": 1})

    assert response.json == {"text": "x"}


def test_an_action_without_inputs_ignores_all_inputs(client: HttpClient) -> None:
    """In a query and in a body."""
    assert client.get("/api/nothing?a=1").status == 200
    assert client.post("/api/nothing", {"a": 1}).status == 200


# -- sources of inputs ---------------------------------------------------------------------------


def test_the_path_overrides_the_body_and_the_body_overrides_the_query(client: HttpClient) -> None:
    """Each input has one value."""
    over_body = client.post("/api/echo/text/path?text=query", {"text": "body", "number": 1})
    over_query = client.post("/api/echo?text=query&number=7", {"text": "body"})
    path_over_query = client.get("/api/echo/text/path?text=query")

    assert over_body.json == {"text": "path", "number": 1}
    assert over_query.json == {"text": "body", "number": 7}
    assert path_over_query.json == {"text": "path"}


def test_the_path_overrides_a_form_and_a_form_overrides_the_query(client: HttpClient) -> None:
    """The fields of a form are a body."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    response = client.send(
        "POST", "/api/echo/text/path?number=1&flag=no", b"text=form&number=2", form
    )

    assert response.json == {"text": "path", "number": 2, "flag": False}


def test_a_list_in_a_body_replaces_the_list_in_a_query(client: HttpClient) -> None:
    """Lists of several sources are not concatenated."""
    response = client.post("/api/echo?numbers=1&numbers=2", {"numbers": [3]})

    assert response.json == {"numbers": [3]}


def test_repeated_keys_are_a_list_only_if_the_field_is_one(client: HttpClient) -> None:
    """Otherwise the last value counts."""
    response = client.get("/api/echo?tags=a&tags=b&text=a&text=b&numbers=1")

    assert response.json == {"tags": ["a", "b"], "text": "b", "numbers": [1]}


def test_text_is_coerced_to_the_type_of_its_field(client: HttpClient) -> None:
    """In a query, from the usual notation of each type."""
    query = urlencode({
        "number": "42", "amount": "1.5", "flag": "true", "when": "2024-05-06T07:08:09Z",
        "day": "2024-05-06", "price": "1.50", "uuid": "00000000-0000-0000-0000-000000000007",
        "color": "red", "level": "high", "text": "7", "wait": "PT90S",
    })  # fmt: skip

    response = client.get(f"/api/echo?{query}")

    assert response.json == {
        "number": 42, "amount": 1.5, "flag": True, "when": "2024-05-06T07:08:09Z",
        "day": "2024-05-06", "price": "1.50", "uuid": "00000000-0000-0000-0000-000000000007",
        "color": "red", "level": "high", "text": "7", "wait": "PT1M30S",
    }  # fmt: skip


def test_text_in_a_path_and_in_a_form_is_coerced(client: HttpClient) -> None:
    """With every method."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    path = client.send("POST", "/api/echo/flag/yes/1e3")
    fields = b"number=1&numbers=2&numbers=3&flag=off&text=a+b%26"
    body = client.send("POST", "/api/echo", fields, form)

    assert path.json == {"flag": True, "amount": 1000.0}
    assert body.json == {"number": 1, "numbers": [2, 3], "flag": False, "text": "a b&"}


def test_json_is_strict(client: HttpClient) -> None:
    """A string is not a number, a number is not a string, and 1 is not true."""
    for inputs in ({"number": "42"}, {"text": 7}, {"flag": 1}, {"flag": "true"}, {"numbers": ["1"]},
                  {"number": 1.5}, {"number": True}, {"tags": "a"}):  # fmt: skip
        response = client.post("/api/echo", inputs)

        assert response.status == invalid_status(client), inputs
        assert response.error["key"] == next(iter(inputs))


def test_types_without_a_json_representation_are_text_in_json(client: HttpClient) -> None:
    """Times, identifiers and decimals are accepted as text."""
    value = {
        "when": "2024-05-06T07:08:09Z", "day": "2024-05-06", "price": "1.50", "wait": "PT90S",
        "uuid": "00000000-0000-0000-0000-000000000007", "color": "blue", "level": "low",
    }  # fmt: skip

    assert client.post("/api/echo", value).json == {**value, "wait": "PT1M30S"}


def test_a_body_with_a_query_is_strict_while_the_query_is_coerced(client: HttpClient) -> None:
    """Each source has its own rules."""
    mixed = client.post(
        "/api/echo?number=7&flag=yes&when=2024-05-06", {"text": "x", "numbers": [1]}
    )
    strict = client.post("/api/echo/number/7", {"flag": "yes"})
    both = client.post("/api/echo?flag=perhaps", {"number": "7"})

    assert mixed.json == {
        "text": "x", "numbers": [1], "number": 7, "flag": True, "when": "2024-05-06T00:00:00",
    }  # fmt: skip
    assert (strict.status, strict.error["key"]) == (invalid_status(client), "flag")
    assert [problem["pointer"] for problem in both.error["errors"]] == ["/number", "/flag"]


def test_text_for_an_object_is_parsed_as_json(client: HttpClient) -> None:
    """A query has no other notation for objects."""
    address = quote('{"street": "x", "zip": "123", "floor": 2}')
    people = quote('[{"street": "x", "zip": "123"}]')

    response = client.get(f"/api/echo?address={address}&people={people}")

    assert response.json == {
        "address": {"street": "x", "zip": "123", "floor": 2},
        "people": [{"street": "x", "zip": "123"}],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["{", "[", "{]", "NaN", '{"zip": NaN}', "[" * 100000, '"\\ud800"'])
def test_invalid_json_for_an_object_is_an_error(client: HttpClient, text: str) -> None:
    """An invalid input or a malformed request."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    response = client.send("POST", "/api/echo", f"address={quote(text)}".encode(), form)

    assert response.status in {invalid_status(client), 400}


@pytest.mark.parametrize(
    ("target", "result"),
    [
        (f"/api/echo?number={2**63}", {"number": 2**63}),
        (f"/api/echo?number=-{2**63 + 1}", {"number": -(2**63) - 1}),
        (f"/api/echo/number/{10**30}", {"number": 10**30}),
        (f"/api/echo?numbers={10**30}&numbers=1", {"numbers": [10**30, 1]}),
        (f"/api/echo?numbers=1&numbers={10**30}", {"numbers": [1, 10**30]}),
        ("/api/echo?table=" + quote('{"a": 1%s}' % ("0" * 30)), {"table": {"a": 10**30}}),
    ],
    ids=range(6),
)  # fmt: skip
def test_integers_beyond_64_bits_in_text_are_accepted(
    client: HttpClient, target: str, result: dict[str, Any]
) -> None:
    """Without a database there is no limit; the response has all digits."""
    assert client.get(target).json == result


def test_an_integer_beyond_the_digit_limit_of_python_in_text_is_invalid(client: HttpClient) -> None:
    """The error contains the input."""
    response = client.get(f"/api/echo?number={'9' * 5000}")

    assert response.status == invalid_status(client)
    assert response.error["key"] == "number"


def test_integers_of_64_bits_are_accepted(client: HttpClient) -> None:
    """The largest and the smallest, in JSON and in text."""
    for number in (2**63 - 1, -(2**63)):
        assert client.post("/api/echo", {"number": number}).json == {"number": number}
        assert client.get(f"/api/echo?number={number}").json == {"number": number}


def test_integers_beyond_64_bits_in_mixed_requests_are_accepted(client: HttpClient) -> None:
    """In the query and in the body."""
    in_query = client.post(f"/api/echo?number={2**63}", {"text": "x"})
    in_body = client.post("/api/echo?text=x", {"number": 2**63})

    for response in (in_query, in_body):
        assert response.json == {"text": "x", "number": 2**63}


@pytest.mark.parametrize("query", ["a=%", "a=%G1", "a=%FF", "text=%ED%A0%80", "%C3=1", "text=\xff"])
def test_a_query_that_is_not_percent_encoded_utf_8_is_400(client: HttpClient, query: str) -> None:
    """It is malformed, and not an invalid input."""
    request = b"GET /api/echo?%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    response = client.send_bytes(request % query.encode("latin-1"))

    assert response.split()[1] == b"400"
    assert b"Traceback" not in response


def test_more_than_1000_fields_of_a_query_are_400(client: HttpClient) -> None:
    """The limit bounds the cost of a request."""
    assert client.get("/api/echo?" + "&".join(["a="] * 1000)).status == 200
    assert client.get("/api/echo?" + "&".join(["a="] * 1001)).status == 400


def test_empty_parts_of_a_query_are_ignored(client: HttpClient) -> None:
    """`?&&text=&` is one field with an empty value."""
    assert client.get("/api/echo?&&text=&").json == {"text": ""}
    assert client.get("/api/echo?").json == {}
    assert client.get("/api/echo?text").json == {"text": ""}
