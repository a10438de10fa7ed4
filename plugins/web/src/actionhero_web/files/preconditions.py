"""The evaluation of conditional requests (RFC 9110, section 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import ETag, web


def precondition_failed(
    request: web.BaseRequest, tag: str | None, modified: float | None = None
) -> bool:
    """Return whether a condition for a change or a range fails: the response is 412.

    Args:
        request: The request.
        tag: The entity tag of the response, without quotes; `None` for a weak one, which matches
            no condition.
        modified: The time of the last change, in seconds since the epoch; `None` if unknown.
    """
    tags = request.if_match
    if tags is not None:
        return not _matches(tags, tag, weak=False)
    date = request.if_unmodified_since
    return modified is not None and date is not None and modified > date.timestamp()


def is_not_modified(request: web.BaseRequest, tag: str, modified: float | None = None) -> bool:
    """Return whether the client has the current version: the response is 304.

    Args:
        request: The request, by `GET` or `HEAD`.
        tag: The entity tag of the response, without quotes; compared weakly.
        modified: The time of the last change, in seconds since the epoch; `None` if unknown.
    """
    tags = request.if_none_match
    if tags is not None:
        return _matches(tags, tag, weak=True)
    date = request.if_modified_since
    return modified is not None and date is not None and modified <= date.timestamp()


def _matches(tags: tuple[ETag, ...], tag: str | None, *, weak: bool) -> bool:
    return any(item.value in {tag, "*"} and (weak or not item.is_weak) for item in tags)
