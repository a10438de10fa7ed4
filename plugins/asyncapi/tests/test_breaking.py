"""The breaking changes between two documents."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from plugins.asyncapi.tests.conftest import ACTIONS, CHANNELS, Document

from actionhero_asyncapi import breaking_changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugins.asyncapi.tests.conftest import DocumentOf


def remove_action(document: Document) -> None:
    del document["operations"]["call_nothing"]


def require_session(document: Document) -> None:
    document["operations"]["call_nothing"]["security"] = []


def change_address(document: Document) -> None:
    document["channels"]["room_id"]["address"] = "rooms:{id}"


def remove_message(document: Document) -> None:
    del document["operations"]["broadcast_room_id"]["messages"][0]


def change_result(document: Document) -> None:
    del document["components"]["schemas"]["Remark"]["properties"]["stars"]


def require_input(document: Document) -> None:
    document["components"]["schemas"]["RemarkInputs"]["required"].append("stars")


def add_all(document: Document) -> None:
    document["components"]["schemas"]["Remark"]["properties"]["more"] = {"type": "string"}
    document["components"]["schemas"]["RemarkInputs"]["properties"]["more"] = {"type": "string"}
    document["operations"]["call_more"] = document["operations"]["call_nothing"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (add_all, []),
        (remove_action, ["call_nothing  was removed"]),
        (require_session, ["call_nothing  requires a session now"]),
        (change_address, [
            "broadcast_room_id  has the address 'rooms:{id}' now, was 'room:{id}'",
        ]),
        (remove_message, ["broadcast_room_id message room_id_broadcast was removed"]),
        (change_result, [
            "call_remark_add message remark_add_response /response/stars was removed",
            "call_remark_list message remark_list_response /response/*/stars was removed",
            "broadcast_room_id message room_id_broadcast /message/message/stars was removed",
        ]),
        (require_input, [
            "call_remark_add message remark_add_request /params/stars is required now",
        ]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_breaking_changes_are_listed(
    document_of: DocumentOf, change: Callable[[Document], None], expected: list[str]
) -> None:
    old = document_of(*ACTIONS, *CHANNELS)
    new = copy.deepcopy(old)

    change(new)

    assert [" ".join(each) for each in breaking_changes(old, new)] == expected
