"""Conditional requests and range requests."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from actionhero_web.files.preconditions import entity_tag, evaluate

#: 2023-11-14 22:13:20.5 UTC.
MODIFIED_NS = 1_700_000_000_500_000_000
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
TAG = '"loyw3vg4-s"'
SIZE = 28


def reply_to(
    headers: dict[str, str], method: str = "GET", size: int = SIZE
) -> tuple[int, int, int]:
    reply = evaluate(method, CIMultiDict(headers), size_bytes=size, modified_ns=MODIFIED_NS)
    return reply.status, reply.offset, reply.length


def test_a_file_has_an_entity_tag_and_a_date() -> None:
    """The tag is milliseconds and bytes in base 36; the date has no fractions."""
    reply = evaluate("GET", {}, size_bytes=SIZE, modified_ns=MODIFIED_NS)

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
    "header", [TAG, f"W/{TAG}", "*", f'"x", {TAG}', f'"x",W/{TAG} , "y"', f'"a,b", {TAG}']
)
def test_a_matching_if_none_match_gets_304(header: str) -> None:
    """Lists and weak tags match too."""
    reply = evaluate(
        "GET",
        CIMultiDict({"if-none-match": header}),
        size_bytes=SIZE,
        modified_ns=MODIFIED_NS,
    )

    assert reply == (304, 0, 0, {"ETag": TAG, "Last-Modified": MODIFIED})


@pytest.mark.parametrize("header", ['"x"', "", TAG[1:-1], '"*"', TAG.upper(), '"loyw3vg4"'])
def test_another_if_none_match_gets_the_file(header: str) -> None:
    """Invalid tags do not match."""
    assert reply_to({"If-None-Match": header})[0] == 200


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
def test_if_modified_since_is_compared_to_the_second(date: str, status: int) -> None:
    """Invalid dates are ignored."""
    assert reply_to({"If-Modified-Since": date})[0] == status


def test_if_none_match_takes_precedence_over_if_modified_since() -> None:
    """A file may change twice within a second."""
    assert reply_to({"If-None-Match": '"x"', "If-Modified-Since": LATER})[0] == 200
    assert reply_to({"If-None-Match": TAG, "If-Modified-Since": EARLIER})[0] == 304


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
def test_a_failed_precondition_gets_412(headers: dict[str, str], status: int) -> None:
    """With `If-Match` and `If-Unmodified-Since`."""
    assert reply_to(headers)[0] == status


@pytest.mark.parametrize(
    ("range_header", "expected", "content_range"),
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
def test_a_single_range_is_supported(
    range_header: str, expected: tuple[int, int, int], content_range: str | None
) -> None:
    """Unsupported and invalid ranges get the complete file."""
    reply = evaluate("GET", {"Range": range_header}, size_bytes=SIZE, modified_ns=MODIFIED_NS)

    assert reply[:3] == expected
    assert reply.headers.get("Content-Range") == content_range


def test_an_empty_file_has_no_satisfiable_range() -> None:
    """Every range of it gets 416."""
    assert reply_to({"Range": "bytes=0-"}, size=0) == (416, 0, 0)
    assert reply_to({"Range": "bytes=-5"}, size=0) == (416, 0, 0)
    assert reply_to({}, size=0) == (200, 0, 0)


def test_head_ignores_the_range() -> None:
    """Ranges are defined for `GET` only."""
    assert reply_to({"Range": "bytes=0-1"}, method="HEAD") == (200, 0, 28)


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
def test_a_range_is_sent_only_if_if_range_matches(condition: str, status: int) -> None:
    """Otherwise the client would combine parts of two versions."""
    assert reply_to({"Range": "bytes=1-2", "If-Range": condition})[0] == status


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
def test_arbitrary_headers_are_handled(
    headers: dict[str, str], range_header: str, size: int, modified_ns: int
) -> None:
    """The reply is always a valid range of the file."""
    reply = evaluate(
        "GET", {**headers, "Range": range_header}, size_bytes=size, modified_ns=modified_ns
    )

    assert reply.status in {200, 206, 304, 412, 416}
    assert 0 <= reply.offset <= reply.offset + reply.length <= size
