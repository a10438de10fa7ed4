"""The negotiation of the media type of a response, by the header `Accept` (RFC 9110 §12.5.1)."""

from __future__ import annotations

from functools import lru_cache

from actionhero_web.responses.compression import quality_of


# There are few clients, and each always sends the same header.
@lru_cache(maxsize=256)
def preferred_media_type(accept: str, offered: tuple[str, ...]) -> str:
    """Return the offered media type that a client prefers.

    A more specific range takes precedence over a wildcard. Of types with the same quality, the
    default wins unless the client names the other one too.

    Args:
        accept: The header `Accept`; empty if absent.
        offered: The media types, the default first. A client that accepts none gets the default.
    """
    best = offered[0]
    best_rank = (0.0, 0, 0)
    ranges = [_parse_range(element) for element in accept.lower().split(",")]
    for number, media_type in enumerate(offered):
        family = media_type.partition("/")[0] + "/*"
        specificity, quality = max(
            (
                (names.index(name), quality)
                for names in [("*/*", family, media_type)]
                for name, quality in ranges
                if name in names
            ),
            default=(0, 0.0),
        )
        is_named = specificity == 2
        rank = (quality, specificity, number if is_named else -number)
        if quality and rank > best_rank:
            best, best_rank = media_type, rank
    return best


def _parse_range(element: str) -> tuple[str, float]:
    name, _, parameters = element.partition(";")
    return name.strip(), quality_of(parameters)
