"""The comparison of two AsyncAPI documents, for breaking changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from actionhero_openapi import Change, SchemaComparison

Document: TypeAlias = Mapping[str, Any]


def breaking_changes(old: Document, new: Document) -> list[Change]:
    """Return the changes in `new` that break clients of `old`, in the order of `old`.

    Additions are compatible: a channel, an action, an optional input, a field of a message of the
    server, a message of the server.
    """
    return [
        change
        for key, operation in old.get("operations", {}).items()
        for change in _operation(old, new, key, operation)
    ]


def _operation(
    old: Document, new: Document, key: str, operation: Mapping[str, Any]
) -> Iterator[Change]:
    other = new.get("operations", {}).get(key)
    if other is None:
        yield Change(key, "", "was removed")
        return
    old_address, new_address = _address(old, operation), _address(new, other)
    if old_address != new_address:
        yield Change(key, "", f"has the address {new_address!r} now, was {old_address!r}")
    if "security" in other and "security" not in operation:
        yield Change(key, "", "requires a session now")
    is_request = operation["action"] == "receive"
    yield from _messages(old, new, key, operation, other, is_request=is_request)
    yield from _messages(
        old, new, key, operation.get("reply", {}), other.get("reply", {}), is_request=False
    )


def _messages(
    old: Document,
    new: Document,
    key: str,
    operation: Mapping[str, Any],
    other: Mapping[str, Any],
    *,
    is_request: bool,
) -> Iterator[Change]:
    """Yield the changes of the messages of an operation or of its reply."""
    comparison = SchemaComparison(old, new, is_request=is_request)
    new_names = list(map(_name, other.get("messages", ())))
    for name in map(_name, operation.get("messages", ())):
        if name not in new_names:
            yield Change(key, f"message {name}", "was removed")
            continue
        payloads = (each["components"]["messages"][name]["payload"] for each in (old, new))
        for pointer, change in comparison.differences(*payloads):
            yield Change(key, f"message {name} {pointer}".rstrip(), change)


def _address(document: Document, operation: Mapping[str, Any]) -> Any:
    return document["channels"][_name(operation["channel"])]["address"]


def _name(reference: Mapping[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]
