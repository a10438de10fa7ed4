"""What in a new OpenAPI document breaks clients that were written for an old one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from actionhero_openapi.compatibility import Narrowing, resolved

Document: TypeAlias = Mapping[str, Any]

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
_PARAMETER: Final = re.compile(r"\{([^}]*)\}")


class Change(NamedTuple):
    """One thing that breaks clients."""

    #: Method and path, as they were; `*` for what all operations share.
    operation: str
    #: Where in the operation: `query limit`, `body /user/name`, `answer 200 /user/name`.
    place: str
    change: str


def breaking_changes(old: Document, new: Document) -> list[Change]:
    """Return what in `new` breaks clients that were written for `old`, in the order of `old`.

    What is added breaks nobody: an operation, an input that may be left out, a field of an answer,
    a value that a field of an answer may have.
    """
    return list(_Comparison(old, new).changes())


class _Operation(NamedTuple):
    """One operation, as it stands in its document."""

    path: str
    #: By place and name.
    parameters: dict[tuple[str, str], Mapping[str, Any]]
    told: Mapping[str, Any]


class _Comparison:
    """Compares two documents."""

    def __init__(self, old: Document, new: Document) -> None:
        self._old = old
        self._new = new
        self._shared: set[tuple[str, str]] = set()

    def changes(self) -> Iterator[Change]:
        after = _operations(self._new)
        for key, was in _operations(self._old).items():
            label = f"{key[0].upper()} {was.path}"
            now = after.get(key)
            if now is None:
                yield Change(label, "", "is gone")
                continue
            for place, change in self._operation(was, now):
                yield Change(label, place, change)
            yield from self._failures(was, now, label)

    def _operation(self, was: _Operation, now: _Operation) -> Iterator[tuple[str, str]]:
        old_id, new_id = was.told.get("operationId"), now.told.get("operationId")
        if old_id is not None and old_id != new_id:
            yield "", f"is called {new_id!r} now, and was {old_id!r}"
        yield from self._security(was, now)
        yield from self._parameters(was, now)
        yield from self._body(was, now)
        yield from self._answers(was, now)

    def _security(self, was: _Operation, now: _Operation) -> Iterator[tuple[str, str]]:
        allowed = _ways_in(was, self._old)
        wanted = _ways_in(now, self._new)
        if wanted and not any(way <= each for each in allowed or [frozenset()] for way in wanted):
            yield "", f"needs {' or '.join('+'.join(sorted(way)) for way in wanted)} now"

    def _parameters(self, was: _Operation, now: _Operation) -> Iterator[tuple[str, str]]:
        comparison = Narrowing(self._old, self._new, is_sent=True)
        renamed = dict(
            zip(_PARAMETER.findall(was.path), _PARAMETER.findall(now.path), strict=False)
        )
        known = set()
        for (place, name), old in was.parameters.items():
            label = f"{place} {name}"
            key = (place, renamed.get(name, name) if place == "path" else name)
            known.add(key)
            new = now.parameters.get(key)
            if new is None:
                yield label, "is gone"
                continue
            if key[1] != name:
                yield label, f"is called {key[1]!r} now"
            if new.get("required") and not old.get("required"):
                yield label, "is required now"
            if ("content" in old) != ("content" in new):
                yield label, f"is read as {'JSON' if 'content' in new else 'plain text'} now"
            for pointer, change in comparison.differences(_schema_of(old), _schema_of(new)):
                yield f"{label} {pointer}".rstrip(), change
        for (place, name), new in now.parameters.items():
            if (place, name) not in known and new.get("required"):
                yield f"{place} {name}", "is new and required"

    def _body(self, was: _Operation, now: _Operation) -> Iterator[tuple[str, str]]:
        old = resolved(was.told.get("requestBody", {}), self._old)
        new = resolved(now.told.get("requestBody", {}), self._new)
        if old and not new:
            yield "body", "is not read any more"
            return
        found = False
        empty = {"schema": {"type": "object", "properties": {}}}
        media_types = old.get("content") or dict.fromkeys(new.get("content", ()), empty)
        for media_type, before in media_types.items():
            after = new.get("content", {}).get(media_type)
            if after is None:
                found = True
                yield "body", f"may not be {media_type} any more"
                continue
            comparison = Narrowing(self._old, self._new, is_sent=True)
            for pointer, change in comparison.differences(_schema_of(before), _schema_of(after)):
                found = True
                yield f"body {pointer}".rstrip(), change
        if new.get("required") and not old.get("required") and not found:
            yield "body", "is required now"

    def _answers(self, was: _Operation, now: _Operation) -> Iterator[tuple[str, str]]:
        answers = now.told.get("responses", {})
        for status, old in was.told.get("responses", {}).items():
            if not _is_success(status):
                continue
            new = answers.get(status, answers.get("2XX", answers.get("default")))
            if new is None:
                yield f"answer {status}", "is gone"
            else:
                yield from self._answer(status, old, new)

    def _failures(self, was: _Operation, now: _Operation, label: str) -> Iterator[Change]:
        """Yield what breaks clients that read failures. One that comes no more breaks nobody."""
        answers = now.told.get("responses", {})
        for status, old in was.told.get("responses", {}).items():
            new = answers.get(status)
            if new is None or _is_success(status):
                continue
            operation = label
            if "$ref" in old and "$ref" in new:
                # Most operations share them: each is told once.
                pair = (old["$ref"], new["$ref"])
                if pair in self._shared:
                    continue
                self._shared.add(pair)
                operation = "*"
            for place, change in self._answer(status, old, new):
                yield Change(operation, place, change)

    def _answer(
        self, status: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        contents = resolved(new, self._new).get("content", {})
        for media_type, before in resolved(old, self._old).get("content", {}).items():
            after = contents.get(media_type, contents.get("*/*"))
            if after is None:
                yield f"answer {status}", f"is not {media_type} any more"
                continue
            comparison = Narrowing(self._old, self._new, is_sent=False)
            for pointer, change in comparison.differences(_schema_of(before), _schema_of(after)):
                yield f"answer {status} {pointer}".rstrip(), change


def _operations(document: Document) -> dict[tuple[str, str], _Operation]:
    """Return the operations by method and path, whatever the parameters of paths are called."""
    found = {}
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            told = item.get(method)
            if told is None:
                continue
            parameters = {
                (each["in"], each["name"]): each
                for given in (*item.get("parameters", ()), *told.get("parameters", ()))
                for each in [resolved(given, document)]
            }
            shape = _PARAMETER.sub("{}", path)
            found[method, shape] = _Operation(path, parameters, told)
    return found


def _ways_in(operation: _Operation, document: Document) -> list[frozenset[str]]:
    """Return the sets of schemes of which a client needs one; none if it needs nothing."""
    needs = operation.told.get("security", document.get("security", ()))
    ways = [frozenset(need) for need in needs]
    return [] if frozenset() in ways else ways


def _schema_of(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a parameter or of a media type."""
    for media in told.get("content", {}).values():
        return dict(media.get("schema", {}))
    return dict(told.get("schema", {}))


def _is_success(status: str) -> bool:
    return str(status).startswith("2")
