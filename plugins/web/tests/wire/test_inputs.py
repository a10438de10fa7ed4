"""Inputs that do not fit, how they are told, and where each input is taken from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Answer, Door

GOOD = {"name": "Ada", "email": "a@b.c", "password": "correct horse"}


def create(door: Door, **changes: Any) -> Answer:
    return door.send("PUT", "/api/account", json={**GOOD, **changes})


def invalid_status(door: Door) -> int:
    return 422 if door.profile == "standard" else 406


def test_every_invalid_input_has_one_status(door: Door) -> None:
    """422, and 406 in profile `actionhero`; always of the same type."""
    wrong: list[dict[str, Any]] = [
        {"name": 7}, {"name": "A"}, {"email": "x"}, {"age": -1}, {"age": 2**64}, {"tags": "x"},
        {"address": []}, {"password": "short"},
    ]  # fmt: skip

    for change in wrong:
        answer = create(door, **change)

        assert answer.status == invalid_status(door)
        assert answer.error["type"] == "CONNECTION_ACTION_PARAM_REQUIRED"
        assert answer.error["key"] == next(iter(change))


def test_a_missing_field_is_a_missing_required_param(door: Door) -> None:
    """The text that clients of the original compare with."""
    error = door.send("PUT", "/api/account", json={}).error

    assert error["message"] == "Missing required param: name"
    assert error["key"] == "name"
    assert "value" not in error


def test_all_problems_are_told_the_first_by_order_of_declaration(door: Door) -> None:
    """Whatever order the client sends its fields in."""
    answer = door.send(
        "PUT", "/api/account", json={"age": -5, "password": "short", "email": "nobody"}
    )

    error = answer.error
    assert error["message"] == "Missing required param: name"
    assert [problem["pointer"] for problem in error["errors"]] == [
        "/name", "/email", "/password", "/age",
    ]  # fmt: skip
    assert error["errors"][1] == {
        "pointer": "/email", "message": "This is not a valid email", "type": "value_error",
    }  # fmt: skip
    assert [list(problem) for problem in error["errors"]] == [["pointer", "message", "type"]] * 4


def test_key_and_value_tell_the_first_problem(door: Door) -> None:
    """With the value as it was given."""
    error = create(door, email="nobody", age=-5).error

    assert (error["key"], error["value"]) == ("email", "nobody")
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
        ({"odd": {"a/b~c": "x"}}, "/odd/a~1b~0c"),
        ({"age": 2**63}, "/age"),
        ({"tags": [1, 2**70]}, "/tags/1"),
        ({"address": {"street": "x", "zip": "123", "floor": -(2**63) - 1}}, "/address/floor"),
        ({"odd": {"x": 10**30}}, "/odd/x"),
    ],
)  # fmt: skip
def test_pointers_lead_to_the_problem(door: Door, change: dict[str, Any], pointer: str) -> None:
    """RFC 6901, through objects, lists and names as the client knows them."""
    answer = create(door, **change)

    assert answer.status == invalid_status(door)
    assert [problem["pointer"] for problem in answer.error["errors"]] == [pointer]
    assert answer.error["key"] == next(iter(change))


def test_a_missing_nested_field_is_named_by_itself(door: Door) -> None:
    """`Missing required param: zip`, at `/address/zip`, of the input `address`."""
    error = create(door, address={"street": "x"}).error

    assert error["message"] == "Missing required param: zip"
    assert error["key"] == "address"


def test_the_value_of_a_secret_is_left_out(door: Door) -> None:
    """Neither as `value` nor in any message."""
    for password in ("s3cr3t!", "1234567890123"):
        answer = create(door, password=password)

        assert answer.error["key"] == "password"
        assert "value" not in answer.error
        assert password.encode() not in answer.body


def test_a_nested_secret_is_left_out_of_the_value(door: Door) -> None:
    """The object around it is told without it."""
    answer = create(door, address={"street": "x", "zip": "1", "door_code": "hunter2"})

    assert answer.error["value"] == {"street": "x", "zip": "1", "door_code": "[redacted]"}
    assert b"hunter2" not in answer.body


def test_a_nested_secret_of_the_wrong_type_is_left_out_too(door: Door) -> None:
    """Also where the secret itself is what is wrong."""
    answer = create(door, address={"street": "x", "zip": "123", "door_code": 4711})

    assert answer.error["errors"][0]["pointer"] == "/address/door_code"
    assert b"4711" not in answer.body


def test_a_secret_in_a_query_is_left_out(door: Door) -> None:
    """Text is treated like JSON."""
    answer = door.get("/api/account?name=Ada&email=a@b.c&password=s3cr3t!")

    assert answer.error["key"] == "password"
    assert b"s3cr3t" not in answer.body


def test_a_long_value_is_cut_at_1000_characters(door: Door) -> None:
    """Text, and what was an object."""
    text = create(door, name="x" * 3000).error["value"]
    thing = create(door, address={"street": "x" * 3000, "zip": "1"}).error["value"]

    assert text == "x" * 1000
    assert isinstance(thing, str)
    assert len(thing) == 1000


def test_unknown_keys_are_dropped(door: Door) -> None:
    """What nobody declared never reaches the action, and is no error."""
    answer = door.post("/api/echo?other=1", {"text": "x", "unknown": {"a": 1}, "__proto__": 1})

    assert answer.json == {"text": "x"}


def test_an_action_without_inputs_takes_anything(door: Door) -> None:
    """And gets nothing of it."""
    assert door.get("/api/nothing?a=1").status == 200
    assert door.post("/api/nothing", {"a": 1}).status == 200


# -- where inputs come from ----------------------------------------------------------------------


def test_the_path_wins_over_the_body_and_the_body_over_the_query(door: Door) -> None:
    """One value each, whatever else was given under its name."""
    over_body = door.post("/api/echo/text/path?text=query", {"text": "body", "number": 1})
    over_query = door.post("/api/echo?text=query&number=7", {"text": "body"})
    path_over_query = door.get("/api/echo/text/path?text=query")

    assert over_body.json == {"text": "path", "number": 1}
    assert over_query.json == {"text": "body", "number": 7}
    assert path_over_query.json == {"text": "path"}


def test_a_form_wins_over_the_query_and_loses_to_the_path(door: Door) -> None:
    """Fields of a form are a body like any other."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = door.send("POST", "/api/echo/text/path?number=1&flag=no", b"text=form&number=2", form)

    assert answer.json == {"text": "path", "number": 2, "flag": False}


def test_a_list_in_a_body_replaces_the_list_in_a_query(door: Door) -> None:
    """Sources are not added to one another."""
    answer = door.post("/api/echo?numbers=1&numbers=2", {"numbers": [3]})

    assert answer.json == {"numbers": [3]}


def test_repeated_keys_make_a_list_only_if_the_field_is_one(door: Door) -> None:
    """Otherwise the last wins."""
    answer = door.get("/api/echo?tags=a&tags=b&text=a&text=b&numbers=1")

    assert answer.json == {"tags": ["a", "b"], "text": "b", "numbers": [1]}


def test_text_is_coerced_to_the_type_of_its_field(door: Door) -> None:
    """In a query, each in the way that people write it."""
    query = urlencode({
        "number": "42", "amount": "1.5", "flag": "true", "when": "2024-05-06T07:08:09Z",
        "day": "2024-05-06", "price": "1.50", "uuid": "00000000-0000-0000-0000-000000000007",
        "color": "red", "level": "high", "text": "7", "wait": "PT90S",
    })  # fmt: skip

    answer = door.get(f"/api/echo?{query}")

    assert answer.json == {
        "number": 42, "amount": 1.5, "flag": True, "when": "2024-05-06T07:08:09Z",
        "day": "2024-05-06", "price": "1.50", "uuid": "00000000-0000-0000-0000-000000000007",
        "color": "red", "level": "high", "text": "7", "wait": "PT1M30S",
    }  # fmt: skip


def test_text_in_a_path_and_in_a_form_is_coerced_too(door: Door) -> None:
    """Whichever method carries it."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    path = door.send("POST", "/api/echo/flag/yes/1e3")
    fields = b"number=1&numbers=2&numbers=3&flag=off&text=a+b%26"
    body = door.send("POST", "/api/echo", fields, form)

    assert path.json == {"flag": True, "amount": 1000.0}
    assert body.json == {"number": 1, "numbers": [2, 3], "flag": False, "text": "a b&"}


def test_json_is_strict(door: Door) -> None:
    """A string is not a number, a number is no string, and 1 is not true."""
    for wrong in ({"number": "42"}, {"text": 7}, {"flag": 1}, {"flag": "true"}, {"numbers": ["1"]},
                  {"number": 1.0}, {"number": True}, {"tags": "a"}):  # fmt: skip
        answer = door.post("/api/echo", wrong)

        assert answer.status == invalid_status(door), wrong
        assert answer.error["key"] == next(iter(wrong))


def test_json_has_what_it_cannot_write_as_text(door: Door) -> None:
    """Times, identifiers and exact numbers are text in JSON, so strict reading takes them."""
    value = {
        "when": "2024-05-06T07:08:09Z", "day": "2024-05-06", "price": "1.50", "wait": "PT90S",
        "uuid": "00000000-0000-0000-0000-000000000007", "color": "blue", "level": "low",
    }  # fmt: skip

    assert door.post("/api/echo", value).json == {**value, "wait": "PT1M30S"}


def test_a_body_beside_a_query_is_still_strict_and_the_query_is_coerced(door: Door) -> None:
    """Each is read in its own way, then both together."""
    mixed = door.post("/api/echo?number=7&flag=yes&when=2024-05-06", {"text": "x", "numbers": [1]})
    wrong = door.post("/api/echo/number/7", {"flag": "yes"})
    both = door.post("/api/echo?flag=perhaps", {"number": "7"})

    assert mixed.json == {
        "text": "x", "numbers": [1], "number": 7, "flag": True, "when": "2024-05-06T00:00:00",
    }  # fmt: skip
    assert (wrong.status, wrong.error["key"]) == (invalid_status(door), "flag")
    assert [problem["pointer"] for problem in both.error["errors"]] == ["/number", "/flag"]


def test_text_for_an_object_is_read_as_json(door: Door) -> None:
    """An object in a query is written as JSON, for it has no other form there."""
    address = quote('{"street": "x", "zip": "123", "floor": 2}')
    people = quote('[{"street": "x", "zip": "123"}]')

    answer = door.get(f"/api/echo?address={address}&people={people}")

    assert answer.json == {
        "address": {"street": "x", "zip": "123", "floor": 2},
        "people": [{"street": "x", "zip": "123"}],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["{", "[", "{]", "NaN", '{"zip": NaN}', "[" * 100000, '"\\ud800"'])
def test_text_for_an_object_that_is_not_json_is_refused(door: Door, text: str) -> None:
    """As an input that does not fit, or as a request that cannot be read."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = door.send("POST", "/api/echo", f"address={quote(text)}".encode(), form)

    assert answer.status in {invalid_status(door), 400}


@pytest.mark.parametrize(
    "target",
    [
        f"/api/echo?number={2**63}", f"/api/echo?number=-{2**63 + 1}",
        f"/api/echo/number/{10**30}", f"/api/echo?numbers={10**30}&numbers=1",
        f"/api/echo?numbers=1&numbers={10**30}",
        "/api/echo?table=" + quote('{"a": 1%s}' % ("0" * 30)),
        f"/api/echo?number={'9' * 5000}",
    ],
    ids=range(7),
)  # fmt: skip
def test_integers_beyond_64_bits_in_text_are_refused(door: Door, target: str) -> None:
    """With an error of that input."""
    answer = door.get(target)

    assert answer.status == invalid_status(door)
    assert answer.error["key"] in {"number", "numbers", "table"}


def test_integers_of_64_bits_are_taken(door: Door) -> None:
    """The largest and the smallest, in JSON and in text."""
    for number in (2**63 - 1, -(2**63)):
        assert door.post("/api/echo", {"number": number}).json == {"number": number}
        assert door.get(f"/api/echo?number={number}").json == {"number": number}


def test_a_mixed_request_with_a_long_integer_is_refused(door: Door) -> None:
    """Both in the query and in the body beside it."""
    in_query = door.post(f"/api/echo?number={2**63}", {"text": "x"})
    in_body = door.post("/api/echo?text=x", {"number": 2**63})

    for answer in (in_query, in_body):
        assert answer.status == invalid_status(door)
        assert answer.error["errors"][0]["pointer"] == "/number"


@pytest.mark.parametrize("query", ["a=%", "a=%G1", "a=%FF", "text=%ED%A0%80", "%C3=1", "text=\xff"])
def test_a_query_that_is_not_percent_encoded_utf_8_is_400(door: Door, query: str) -> None:
    """It cannot be read, so no input is to blame."""
    with_raw = b"GET /api/echo?%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = door.raw(with_raw % query.encode("latin-1"))

    assert answer.split()[1] == b"400"
    assert b"Traceback" not in answer


def test_more_than_1000_fields_of_a_query_are_400(door: Door) -> None:
    """A limit, so that a request cannot cost what it likes."""
    assert door.get("/api/echo?" + "&".join(["a="] * 1000)).status == 200
    assert door.get("/api/echo?" + "&".join(["a="] * 1001)).status == 400


def test_empty_parts_of_a_query_are_nothing(door: Door) -> None:
    """`?&&text=&` is one field that is empty."""
    assert door.get("/api/echo?&&text=&").json == {"text": ""}
    assert door.get("/api/echo?").json == {}
    assert door.get("/api/echo?text").json == {"text": ""}
