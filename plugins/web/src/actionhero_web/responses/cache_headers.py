"""The headers for caches, and `304`: decided once for each response, by the write stage."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from aiohttp import ETag, web

from actionhero_web.files.preconditions import is_not_modified
from actionhero_web.responses.caching import SIGNED_IN_HEADERS, cache_control

if TYPE_CHECKING:
    from actionhero_web.responses.caching import Cache
    from actionhero_web.responses.encoded_response import Headers

#: Whether a native route has read the session of the client: caches do not store its response,
#: unless the route sets `Cache-Control`.
SIGNED_IN: Final = web.RequestKey("actionhero_signed_in", bool)

_TAG_BYTES: Final = 12


def cache_headers(headers: Headers, *, is_signed_in: bool) -> Headers:
    """Return the headers of a response to a route without `Cache`, with those for caches.

    Args:
        headers: Those of the action.
        is_signed_in: Whether the client has a session or sends credentials.
    """
    if not headers:
        return SIGNED_IN_HEADERS if is_signed_in else ()
    values = {name.lower(): value for name, value in headers}
    sets_cookie = "set-cookie" in values
    old = values.get("cache-control", "")
    new = cache_control(
        old, None, succeeds=True, is_signed_in=is_signed_in, sets_cookie=sets_cookie
    )
    if new != old:
        others = (header for header in headers if header[0].lower() != "cache-control")
        headers = (*others, ("Cache-Control", new))
    return (*headers, ("Vary", "Cookie")) if is_signed_in or sets_cookie else headers


def add_cache_headers(
    response: web.StreamResponse, cache: Cache | None, *, is_signed_in: bool
) -> None:
    """Add the headers for caches to a response of aiohttp.

    Args:
        response: The response, which may have been here before.
        cache: That of the route.
        is_signed_in: Whether the client has a session or sends credentials.
    """
    headers = response.headers
    sets_cookie = "Set-Cookie" in headers or bool(response.cookies)
    old = headers.get("Cache-Control", "")
    new = cache_control(
        old,
        cache,
        # An author may have compared the version of the client: 304 has the headers of 200.
        succeeds=200 <= response.status < 300 or response.status == 304,
        is_signed_in=is_signed_in,
        sets_cookie=sets_cookie,
    )
    if new != old:
        headers["Cache-Control"] = new
    if is_signed_in or sets_cookie:
        add_vary(response, "Cookie")
    for name in cache.vary if cache is not None else ():
        add_vary(response, name)


def revalidate(request: web.BaseRequest, response: web.Response) -> bool:
    """Add the `ETag` of the body, and change to `304` if the client has this version already.

    The tag is weak, as the body may be compressed.

    Returns:
        Whether it has changed to `304`.
    """
    body = response.body
    if (
        response.status != 200
        or request.method not in {"GET", "HEAD"}
        or not isinstance(body, bytes)
    ):
        return False
    tag = response.etag
    if tag is None:
        tag = response.etag = ETag(blake2b(body, digest_size=_TAG_BYTES).hexdigest(), is_weak=True)
    if not is_not_modified(request, tag.value):
        return False
    response.set_status(304)
    response.body = None
    if response.compression:
        # aiohttp cannot compress without a body.
        response.enable_compression(web.ContentCoding.identity)
    return True


def vary_by_encoding(response: web.StreamResponse) -> None:
    """Add the headers of a response whose author has enabled its compression.

    The strong tag of the author, or that of a file, is the one of the uncompressed body.
    """
    add_vary(response, "Accept-Encoding")
    tag = response.etag
    # Only those that are no `web.Response` may still send a range of the uncompressed body.
    is_weak = "Content-Encoding" in response.headers or isinstance(response, web.Response)
    if tag is not None and not tag.is_weak and is_weak:
        response.etag = ETag(tag.value, is_weak=True)


def add_vary(response: web.StreamResponse, name: str) -> None:
    """Add the name of a header of requests to `Vary`, unless it has it already."""
    names = ",".join(response.headers.getall("Vary", ())).lower().split(",")
    if name.lower() not in map(str.strip, names):
        response.headers.add("Vary", name)
