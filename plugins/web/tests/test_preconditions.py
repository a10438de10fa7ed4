"""What is answered when a client asks on conditions, or for a part."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from actionhero_web.preconditions import decide, entity_tag

#: 2023-11-14 22:13:20.5 UTC.
MODIFIED_NS = 1_700_000_000_500_000_000
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
TAG = '"loyw3vg4-s"'
SIZE = 28


def answer(headers: dict[str, str], method: str = "GET", size: int = SIZE) -> tuple[int, int, int]:
    reply = decide(method, CIMultiDict(headers), size_bytes=size, modified_ns=MODIFIED_NS)
    return reply.status, reply.offset, reply.length


def test_a_file_has_a_tag_and_a_date() -> None:
    """Milliseconds and bytes, in base 36; the date has no fractions."""
    reply = decide("GET", {}, size_bytes=SIZE, modified_ns=MODIFIED_NS)

    assert int("loyw3vg4", 36) == 1_700_000_000_500
    assert reply == (
        200,
        0,
        SIZE,
        {"ETag": TAG, "Last-Modified": MODIFIED, "Accept-Ranges": "bytes"},
    )
    assert entity_tag(size_bytes=0, modified_ns=0) == "0-0"
    assert entity_tag(size_bytes=36, modified_ns=-1_000_000) == "-1-10"


@pytest.mark.parametrize(
    "known", [TAG, f"W/{TAG}", "*", f'"x", {TAG}', f'"x",W/{TAG} , "y"', f'"a,b", {TAG}']
)
def test_a_client_that_has_the_file_is_told_so(known: str) -> None:
    """Lists and weak tags count too."""
    reply = decide(
        "GET",
        CIMultiDict({"if-none-match": known}),
        size_bytes=SIZE,
        modified_ns=MODIFIED_NS,
    )

    assert reply == (304, 0, 0, {"ETag": TAG, "Last-Modified": MODIFIED})


@pytest.mark.parametrize("known", ['"x"', "", TAG[1:-1], '"*"', TAG.upper(), '"loyw3vg4"'])
def test_a_client_that_has_another_file_gets_this_one(known: str) -> None:
    """And what is no tag is none."""
    assert answer({"If-None-Match": known})[0] == 200


@pytest.mark.parametrize(
    ("date", "status"),
    [
        (MODIFIED, 304),
        (LATER, 304),
        (EARLIER, 200),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", 304),
        ("yesterday", 200),
        ("", 200),
        ("Tue, 14 Nov 99999 22:13:20 GMT", 200),
    ],
)
def test_a_client_may_know_the_file_by_its_date(date: str, status: int) -> None:
    """To the second."""
    assert answer({"If-Modified-Since": date})[0] == status


def test_the_tag_wins_over_the_date() -> None:
    """A date is coarse: the file may have changed twice in a second."""
    assert answer({"If-None-Match": '"x"', "If-Modified-Since": LATER})[0] == 200
    assert answer({"If-None-Match": TAG, "If-Modified-Since": EARLIER})[0] == 304


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": TAG}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": f"W/{TAG}"}, 412),
        ({"If-Unmodified-Since": MODIFIED}, 200),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Unmodified-Since": "once"}, 200),
        ({"If-Match": TAG, "If-Unmodified-Since": EARLIER}, 200),
    ],
)
def test_a_client_may_insist_on_the_file_that_it_knows(
    headers: dict[str, str], status: int
) -> None:
    """Or else it wants nothing."""
    assert answer(headers)[0] == status


@pytest.mark.parametrize(
    ("asked", "expected", "told"),
    [
        ("bytes=0-0", (206, 0, 1), "bytes 0-0/28"),
        ("bytes=5-9", (206, 5, 5), "bytes 5-9/28"),
        ("Bytes= 5-9 ", (206, 5, 5), "bytes 5-9/28"),
        ("bytes=5-", (206, 5, 23), "bytes 5-27/28"),
        ("bytes=-3", (206, 25, 3), "bytes 25-27/28"),
        ("bytes=-100", (206, 0, 28), "bytes 0-27/28"),
        ("bytes=0-999999999999999999", (206, 0, 28), "bytes 0-27/28"),
        ("bytes=28-", (416, 0, 0), "bytes */28"),
        ("bytes=99-100", (416, 0, 0), "bytes */28"),
        ("bytes=-0", (416, 0, 0), "bytes */28"),
        ("bytes=9-5", (200, 0, 28), None),
        ("bytes=99-98", (200, 0, 28), None),
        ("bytes=-", (200, 0, 28), None),
        ("bytes=0-1,5-6", (200, 0, 28), None),
        ("lines=0-1", (200, 0, 28), None),
        ("bytes=a-b", (200, 0, 28), None),
        ("bytes=" + "9" * 5000 + "-", (200, 0, 28), None),
        ("", (200, 0, 28), None),
    ],
)
def test_a_client_may_ask_for_a_part(
    asked: str, expected: tuple[int, int, int], told: str | None
) -> None:
    """One range; what is not understood is answered with the whole."""
    reply = decide("GET", {"Range": asked}, size_bytes=SIZE, modified_ns=MODIFIED_NS)

    assert reply[:3] == expected
    assert reply.headers.get("Content-Range") == told


def test_an_empty_file_has_no_parts() -> None:
    """Not even its first byte."""
    assert answer({"Range": "bytes=0-"}, size=0) == (416, 0, 0)
    assert answer({"Range": "bytes=-5"}, size=0) == (416, 0, 0)
    assert answer({}, size=0) == (200, 0, 0)


def test_a_range_is_for_get_alone() -> None:
    """`HEAD` tells of the whole."""
    assert answer({"Range": "bytes=0-1"}, method="HEAD") == (200, 0, 28)


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (TAG, 206),
        (f"W/{TAG}", 200),
        ('"x"', 200),
        (MODIFIED, 206),
        (LATER, 200),
        (EARLIER, 200),
        ("", 200),
    ],
)
def test_a_part_is_only_sent_if_it_belongs_to_the_rest(condition: str, status: int) -> None:
    """Half of the old file and half of the new one would be neither."""
    assert answer({"Range": "bytes=1-2", "If-Range": condition})[0] == status


_HEADERS = st.dictionaries(
    st.sampled_from(
        ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"]
    ),
    st.text() | st.sampled_from([TAG, MODIFIED, "*"]),
)


@settings(deadline=None)
@given(
    _HEADERS,
    st.text() | st.from_regex(r"bytes=[0-9]{0,30}-[0-9]{0,30}", fullmatch=True),
    st.integers(0, 2**40),
    st.integers(-(10**19), 10**19),
)
def test_no_header_breaks_the_decision(
    headers: dict[str, str], asked: str, size: int, modified_ns: int
) -> None:
    """And what is sent always lies in the file."""
    reply = decide("GET", {**headers, "Range": asked}, size_bytes=size, modified_ns=modified_ns)

    assert reply.status in {200, 206, 304, 412, 416}
    assert 0 <= reply.offset <= reply.offset + reply.length <= size
