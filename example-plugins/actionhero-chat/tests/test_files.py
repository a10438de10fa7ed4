"""Tests of file uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.mark.parametrize(
    ("name", "type_", "expected_type"),
    [
        ("horn.svg", "image/svg+xml", "image/svg+xml"),
        ("assets/images/horn.svg", None, "image/svg+xml"),
        ("../../etc/passwd.txt", None, "text/plain; charset=utf-8"),
        ("C:/folder/horn.svg", "text/weird", "text/weird"),
        ("Ж 名前.png", None, "image/png"),
    ],
)
def test_file_name_type_and_size_are_returned(
    client: httpx.Client, name: str, type_: str | None, expected_type: str
) -> None:
    """The name contains its folders. Without a type, the type follows from the name."""
    part = f'form-data; name="file"; filename="{name}"\r\n'
    header = f"Content-Type: {type_}\r\n" if type_ else ""
    content = (
        f"--b\r\nContent-Disposition: {part}{header}\r\n<svg/>\r\n"
        '--b\r\nContent-Disposition: form-data; name="stringParam"\r\n\r\nhello Ж\r\n--b--\r\n'
    ).encode()

    response = client.post(
        "/file", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )

    assert response.status_code == 200, response.text
    file = {"name": name, "type": expected_type, "size": 6}
    assert response.json() == {"params": {"stringParam": "hello Ж", "file": file}}


@pytest.mark.parametrize("size", [0, 1, 3 * 1024 * 1024])
def test_file_size_is_returned(client: httpx.Client, size: int) -> None:
    """Empty files, and files that are not held in memory, are supported."""
    response = client.post(
        "/file", files={"file": ("a.bin", b"x" * size)}, data={"stringParam": "a"}
    )

    assert response.json()["params"]["file"]["size"] == size


def test_missing_form_fields_are_reported(
    client: httpx.Client, assert_error: Callable[..., Any]
) -> None:
    """The file is reported before the text."""
    file = {"file": ("a.txt", b"a")}

    response = client.post("/file", files={"other": ("a.txt", b"a")}, data={"stringParam": "a"})
    assert_error(response, "invalid", "Missing required param: file", key="file")

    response = client.post("/file", files=file)
    assert_error(response, "invalid", "Missing required param: stringParam", key="stringParam")

    response = client.post("/file", files=file, data={"stringParam": ""})
    message = "String parameter is required"
    assert_error(response, "invalid", message, key="stringParam", value="")


def test_values_that_are_not_files_are_rejected(
    client: httpx.Client, assert_error: Callable[..., Any]
) -> None:
    """This includes text fields of a form, and all JSON values."""
    inputs = {"file": "text", "stringParam": "a"}
    message = "File is required"

    response = client.post("/file", data=inputs)
    assert_error(response, "invalid", message, key="file", value="text")

    for value in ("text", 7, None, ["a"], {"name": "a", "size": 1}):
        response = client.post("/file", json={**inputs, "file": value})
        assert_error(response, "invalid", message, key="file", value=value)


def test_malformed_forms_are_rejected(
    client: httpx.Client, assert_error: Callable[..., Any]
) -> None:
    """They are a client error."""
    for content in (b"--b\r\nContent-Disposition: form-data; name=", b"not a form"):
        response = client.post(
            "/file", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}
        )

        assert_error(response, "malformed", response.json()["error"]["message"])


def test_oversize_bodies_are_rejected(
    client: httpx.Client, assert_error: Callable[..., Any]
) -> None:
    """The body is not read."""
    response = client.post(
        "/file", content=b"x" * 10_485_761, headers={"Content-Type": "application/octet-stream"}
    )

    message = "Payload Too Large — body of 10485761 bytes exceeds the 1048576 byte limit"
    assert_error(response, "too large", message)


def test_unsupported_media_types_are_rejected(
    client: httpx.Client, assert_error: Callable[..., Any]
) -> None:
    """The error is 415."""
    response = client.post("/file", content=b"a", headers={"Content-Type": "text/csv"})

    assert_error(response, "media type", response.json()["error"]["message"])
