"""The response that sends a file: aiohttp's `FileResponse`, with correct ranges and less memory."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
from typing import IO, TYPE_CHECKING, Any, Final

from aiohttp import ETag, web

from actionhero import ErrorType
from actionhero_web.files.preconditions import is_not_modified, precondition_failed
from actionhero_web.responses.compression import Encoding, negotiate_encoding
from actionhero_web.responses.http_error import HttpError

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

logger = logging.getLogger("actionhero.web")

#: aiohttp waits for a slow client after each write of more than 64 KiB, so that a client that does
#: not read costs one chunk of memory.
CHUNK_BYTES: Final = 68 * 1024

#: The size of written and unsent data above which a write waits.
UNSENT_BYTES: Final = 16 * 1024

#: The encodings of compressed files next to a file.
COMPRESSED_FILES: Final[tuple[Encoding, ...]] = ("br", "gzip")

#: The attributes of a request with its conditions.
_CONDITIONS: Final = ("if_match", "if_modified_since", "if_none_match", "if_unmodified_since")

#: The errors of a name without a file.
_NOT_FOUND: Final = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR})

#: One range of bytes. Longer numbers exceed the size of any file.
_RANGE: Final = re.compile(
    r"bytes=(?:(\d{1,18})-(\d{0,18})|-0*[1-9]\d{0,17})", re.ASCII | re.IGNORECASE
)


#: The entity tag of the author of a response.
_OWN_TAG: Final = web.ResponseKey("actionhero_own_tag", ETag)


class FileResponse(web.FileResponse):
    """Sends a file, or a range of it; see `correct_file_response`."""

    def set_status(self, status: int, reason: str | None = None) -> None:
        """Set the status. Clients must not cache an error, such as that of a deleted file."""
        super().set_status(status, reason)
        if status >= 400:
            self.headers.pop("Cache-Control", None)


async def correct_file_response(
    request: web.BaseRequest, response: web.FileResponse, status: os.stat_result | None = None
) -> None:
    """Correct a file response of aiohttp, also one of an author's own: its ranges and its memory.

    aiohttp compares no entity tag in `If-Range`, so that a client would join parts of two versions
    of a file. It sends a part to `HEAD`, rejects ranges that are to be ignored, and ignores the
    quality values of `Accept-Encoding` for compressed files (`.br`, `.gz`) next to the file
    (RFC 9110, 12.5.3, 13.1.5 and 14.2). If the file is truncated while it is sent, aiohttp leaves
    the connection open, and the client takes the next response for the rest of the file.

    Args:
        request: The request.
        response: The response, before it is prepared.
        status: The status of the file, if it has been looked up already.

    Raises:
        HttpError: There is no such file (404), a precondition fails (412), or the range begins
            after its end (416).
        OSError: The file cannot be read.
    """
    find = response._get_file_path_stat_encoding
    response._get_file_path_stat_encoding = lambda accept_encoding: find(_accepted(accept_encoding))  # type: ignore[method-assign]
    if status is None:
        status = await asyncio.to_thread(_look_up, request, response)
    prepare = response.prepare

    async def prepare_completely(request: web.BaseRequest) -> AbstractStreamWriter | None:
        writer = await prepare(request)
        if writer is not None and writer.length and request.method != "HEAD":
            request.protocol.force_close()
            raise ConnectionResetError(f"the file {response._path} was truncated while it was sent")
        return writer

    async def send(
        request: web.BaseRequest, fobj: IO[Any], offset: int, count: int
    ) -> AbstractStreamWriter:
        writer = await web.StreamResponse.prepare(response, request)
        assert writer is not None  # noqa: S101 - the response was not prepared before
        return await response._sendfile_fallback(writer, fobj, offset, count)

    response.prepare = prepare_completely  # type: ignore[method-assign]
    # The `sendfile` of asyncio, which uvloop lacks, counts no bytes and has no timeout.
    response._sendfile = send  # type: ignore[method-assign]
    response._chunk_size = min(response._chunk_size, CHUNK_BYTES)
    if request.transport is not None:
        request.transport.set_write_buffer_limits(high=UNSENT_BYTES)
    if request.method not in {"GET", "HEAD"} or response.status != 200:
        # They are conditions for the resource of the URL, not for the file of this response.
        request._cache.update(dict.fromkeys(_CONDITIONS))
    own_tag = response.etag
    tag = own_tag or ETag(entity_tag(status))
    check_preconditions(request, status, tag)
    if own_tag is not None:
        _keep_tag(request, response, own_tag)
    if "Range" not in request.headers:
        return
    if response.status != 200 or not _is_range_valid(request, status, tag):
        # The value of `request.http_range` without such a header.
        request._cache["http_range"] = slice(None)
    elif response.compression:
        # A range is a part of the uncompressed file.
        response.enable_compression(web.ContentCoding.identity)


def check_preconditions(
    request: web.BaseRequest, status: os.stat_result, tag: ETag | None = None
) -> None:
    """Check the conditions of a request for a file; aiohttp's response to a failed one is empty.

    Args:
        request: The request.
        status: The status of the file.
        tag: Its tag; by default the one that aiohttp computes.

    Raises:
        HttpError: One fails (412).
    """
    tag = tag or ETag(entity_tag(status))
    # A weak tag matches in no such condition.
    if precondition_failed(request, None if tag.is_weak else tag.value, status.st_mtime):
        raise HttpError(412, "The file has changed")


def restore_tag(response: web.StreamResponse) -> None:
    """Restore the entity tag of an author in a file response, whose headers are not sent yet."""
    tag = response.get(_OWN_TAG)
    if tag is not None:
        is_weak = tag.is_weak or "Content-Encoding" in response.headers
        response.etag = ETag(tag.value, is_weak=is_weak)


def _keep_tag(request: web.BaseRequest, response: web.FileResponse, tag: ETag) -> None:
    """Keep the entity tag of an author, which aiohttp neither compares nor sends."""
    response[_OWN_TAG] = tag
    # They have been checked.
    request._cache.update(if_match=None, if_unmodified_since=None)
    if request.if_none_match is not None:
        is_current = is_not_modified(request, tag.value)
        request._cache["if_none_match"] = (ETag("*"),) if is_current else ()


def _look_up(request: web.BaseRequest, response: web.FileResponse) -> os.stat_result:
    """Return the status of the file that is sent; aiohttp's response to an error has no content."""
    path = None
    try:
        path, status, _ = response._get_file_path_stat_encoding(
            request.headers.get("Accept-Encoding", "")
        )
    except OSError as error:
        if error.errno not in _NOT_FOUND:
            raise
    if path is None:
        logger.warning(
            "%s %s responds with a file that does not exist, or with a folder: %s",
            request.method, request.path, response._path,
        )  # fmt: skip
        raise HttpError(404, "File not found", type=ErrorType.RECORD_NOT_FOUND)
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return status


def _is_range_valid(request: web.BaseRequest, status: os.stat_result, tag: ETag) -> bool:
    """Return whether the range of a request is sent, and not the whole file.

    Raises:
        HttpError: The range begins after the end of the file (416).
    """
    match = _RANGE.fullmatch(request.headers["Range"])
    if match is None or request.method != "GET":
        return False
    first, last = match.groups()
    if last and int(last) < int(first):
        return False
    condition = request.headers.get("If-Range")
    size = status.st_size
    # No dates, which are for responses without a tag.
    if condition is not None and (tag.is_weak or condition != f'"{tag.value}"'):
        return False
    is_satisfiable = int(first) < size if first else size > 0
    if not is_satisfiable and not is_not_modified(request, tag.value, status.st_mtime):
        headers = (("Content-Range", f"bytes */{size}"),)
        raise HttpError(416, "The range begins after the end of the file", headers=headers)
    return True


def _accepted(accept_encoding: str) -> str:
    """Return the accepted encodings of compressed files."""
    return ",".join(
        name for name in COMPRESSED_FILES if negotiate_encoding(accept_encoding, (name,))
    )


def entity_tag(status: os.stat_result) -> str:
    """Return the unquoted entity tag of a file, as aiohttp computes it."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"
