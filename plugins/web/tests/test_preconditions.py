"""The evaluation of conditional requests."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero_web.files.preconditions import is_not_modified, precondition_failed

#: 2023-11-14 22:13:20 UTC.
MODIFIED_SECONDS = 1_700_000_000.0
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
TAG = "loyw3vg4-s"


@pytest.mark.parametrize(
    "header",
    [f'"{TAG}"', f'W/"{TAG}"', "*", f'"x", "{TAG}"', f'"x",W/"{TAG}" , "y"', f'"a,b", "{TAG}"'],
)
def test_a_matching_if_none_match_is_not_modified(header: str) -> None:
    """Lists and weak tags match too."""
    request = make_mocked_request("GET", "/", {"If-None-Match": header})

    assert is_not_modified(request, TAG, MODIFIED_SECONDS)


@pytest.mark.parametrize("header", ['"x"', "", TAG, f'"{TAG.upper()}"', '"loyw3vg4"'])
def test_another_if_none_match_is_modified(header: str) -> None:
    """Invalid tags do not match."""
    request = make_mocked_request("GET", "/", {"If-None-Match": header})

    assert not is_not_modified(request, TAG, MODIFIED_SECONDS)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (MODIFIED, True),
        (LATER, True),
        (EARLIER, False),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", True),
        ("yesterday", False),
        ("", False),
        ("Tue, 14 Nov 99999 22:13:20 GMT", False),
    ],
)
def test_if_modified_since_is_compared(date: str, expected: bool) -> None:
    """Invalid dates are ignored."""
    request = make_mocked_request("GET", "/", {"If-Modified-Since": date})

    assert is_not_modified(request, TAG, MODIFIED_SECONDS) is expected
    assert not is_not_modified(request, TAG)


@pytest.mark.parametrize(("tag", "date", "expected"), [("x", LATER, False), (TAG, EARLIER, True)])
def test_if_none_match_takes_precedence_over_dates(tag: str, date: str, expected: bool) -> None:
    """A file may change twice within a second."""
    headers = {"If-None-Match": f'"{tag}"', "If-Modified-Since": date}

    request = make_mocked_request("GET", "/", headers)

    assert is_not_modified(request, TAG, MODIFIED_SECONDS) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"If-Match": f'"{TAG}"'}, False),
        ({"If-Match": "*"}, False),
        ({"If-Match": '"x"'}, True),
        ({"If-Match": f'W/"{TAG}"'}, True),
        ({"If-Unmodified-Since": MODIFIED}, False),
        ({"If-Unmodified-Since": EARLIER}, True),
        ({"If-Unmodified-Since": "once"}, False),
        ({"If-Match": f'"{TAG}"', "If-Unmodified-Since": EARLIER}, False),
    ],
)
def test_a_precondition_fails(headers: dict[str, str], expected: bool) -> None:
    """With `If-Match` and `If-Unmodified-Since`."""
    request = make_mocked_request("GET", "/", headers)

    assert precondition_failed(request, TAG, MODIFIED_SECONDS) is expected


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"]),
        st.text() | st.sampled_from([TAG, MODIFIED, "*"]),
    )
)
def test_arbitrary_headers_are_handled(headers: dict[str, str]) -> None:
    """The results are booleans."""
    request = make_mocked_request("GET", "/", headers)

    assert precondition_failed(request, TAG, MODIFIED_SECONDS) in {True, False}
    assert is_not_modified(request, TAG, MODIFIED_SECONDS) in {True, False}
