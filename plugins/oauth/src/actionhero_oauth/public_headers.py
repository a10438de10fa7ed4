"""The headers of endpoints that clients in browsers may call."""

from __future__ import annotations

from typing import Final

#: Any page may call the endpoints for clients, which read no cookie.
PUBLIC_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
}
