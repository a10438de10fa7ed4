"""Files that are sent, and what is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.mark.parametrize(
    ("name", "type_", "told"),
    [
        ("horn.svg", "image/svg+xml", "image/svg+xml"),
        ("assets/images/horn.svg", None, "image/svg+xml"),
        ("../../etc/passwd.txt", None, "text/plain; charset=utf-8"),
        ("C:/folder/horn.svg", "text/weird", "text/weird"),
        ("Ж 名前.png", None, "image/png"),
    ],
)
def test_a_file_is_told_as_it_was_sent(
    browser: httpx.Client, name: str, type_: str | None, told: str
) -> None:
    """Its name with all its folders, its type or the one of its name, and its size."""
    part = f'form-data; name="file"; filename="{name}"\r\n'
    kind = f"Content-Type: {type_}\r\n" if type_ else ""
    content = (
        f"--b\r\nContent-Disposition: {part}{kind}\r\n<svg/>\r\n"
        '--b\r\nContent-Disposition: form-data; name="stringParam"\r\n\r\nhello Ж\r\n--b--\r\n'
    ).encode()

    answer = browser.post(
        "/file", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )

    assert answer.status_code == 200, answer.text
    file = {"name": name, "type": told, "size": 6}
    assert answer.json() == {"params": {"stringParam": "hello Ж", "file": file}}


@pytest.mark.parametrize("size", [0, 1, 3 * 1024 * 1024])
def test_a_file_has_the_size_that_was_sent(browser: httpx.Client, size: int) -> None:
    """One that is empty, and one that is too large for memory, too."""
    answer = browser.post(
        "/file", files={"file": ("a.bin", b"x" * size)}, data={"stringParam": "a"}
    )

    assert answer.json()["params"]["file"]["size"] == size


def test_what_is_missing_of_a_form_is_told(
    browser: httpx.Client, refused: Callable[..., Any]
) -> None:
    """The file first, then the text."""
    file = {"file": ("a.txt", b"a")}

    answer = browser.post("/file", files={"other": ("a.txt", b"a")}, data={"stringParam": "a"})
    refused(answer, "invalid", "Missing required param: file", key="file")

    answer = browser.post("/file", files=file)
    refused(answer, "invalid", "Missing required param: stringParam", key="stringParam")

    answer = browser.post("/file", files=file, data={"stringParam": ""})
    told = "String parameter is required"
    refused(answer, "invalid", told, key="stringParam", value="")


def test_what_is_no_file_is_refused(browser: httpx.Client, refused: Callable[..., Any]) -> None:
    """A text in a form, and whatever JSON holds."""
    both = {"file": "text", "stringParam": "a"}
    message = "File is required"

    answer = browser.post("/file", data=both)
    refused(answer, "invalid", message, key="file", value="text")

    for value in ("text", 7, None, ["a"], {"name": "a", "size": 1}):
        answer = browser.post("/file", json={**both, "file": value})
        refused(answer, "invalid", message, key="file", value=value)


def test_a_broken_form_is_refused(browser: httpx.Client, refused: Callable[..., Any]) -> None:
    """It is no failure of ours."""
    for content in (b"--b\r\nContent-Disposition: form-data; name=", b"nothing of the kind"):
        answer = browser.post(
            "/file", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}
        )

        refused(answer, "malformed", answer.json()["error"]["message"])


def test_a_body_that_is_too_large_is_refused(
    browser: httpx.Client, refused: Callable[..., Any]
) -> None:
    """Before it is read."""
    answer = browser.post(
        "/file", content=b"x" * 10_485_761, headers={"Content-Type": "application/octet-stream"}
    )

    message = "Payload Too Large — body of 10485761 bytes exceeds the 10485760 byte limit"
    refused(answer, "too large", message)


def test_a_body_of_a_kind_that_nobody_reads_is_refused(
    browser: httpx.Client, refused: Callable[..., Any]
) -> None:
    """It says so."""
    answer = browser.post("/file", content=b"a", headers={"Content-Type": "text/csv"})

    refused(answer, "media type", answer.json()["error"]["message"])
