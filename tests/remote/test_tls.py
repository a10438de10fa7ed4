"""TLS: certificates are verified, by the authorities of the system or of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.remote.certificates import create_certificates
from tests.remote.foreign_servers import ForeignServer, Reply, document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.remote.conftest import Far

TOKEN = "t0ken-of-ada"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[ForeignServer, Path]]:
    """A server with a certificate of an authority of our own, and the file of that."""
    certificates = create_certificates(tmp_path)
    replies = {"/api/swagger": document(), "/api/show": Reply(body=b"1")}
    with ForeignServer(replies, certificates.context).run() as server:
        yield server, certificates.ca_file


def test_an_unknown_authority_is_refused(far: Far, secure: tuple[ForeignServer, Path]) -> None:
    """The server gets no request, and so no token; the error names the option."""
    server, _ = secure

    command = far.run("--url", server.url, "call", "book:show", ACTIONHERO_TOKEN=TOKEN)

    assert (command.code, command.stdout) == (78, "")
    assert f"the certificate of {server.url} is not trusted" in command.stderr
    assert "--ca-file" in command.stderr
    assert server.requests == []


def test_the_authority_of_a_file_is_trusted(far: Far, secure: tuple[ForeignServer, Path]) -> None:
    """Also by the standard variable of OpenSSL, and as part of a profile."""
    server, ca_file = secure

    by_option = far.run("--url", server.url, "--ca-file", str(ca_file), "call", "book:show")
    by_variable = far.run("--url", server.url, "call", "book:show", SSL_CERT_FILE=str(ca_file))
    login = far.run(
        "login", "--url", server.url, "--ca-file", str(ca_file), stdin_text=f"{TOKEN}\n"
    )
    by_profile = far.run("--profile", "default", "call", "book:show")

    for command in (by_option, by_variable, by_profile):
        assert (command.code, command.stdout, command.stderr) == (0, "1\n", "")
    assert login.code == 0


def test_a_certificate_of_another_host_is_refused(far: Far, tmp_path: Path) -> None:
    """Though its authority is trusted."""
    certificates = create_certificates(tmp_path, "127.0.0.2")
    with ForeignServer({"/api/swagger": document()}, certificates.context).run() as server:
        command = far.run("--url", server.url, "--ca-file", str(certificates.ca_file), "actions")

    assert command.code == 78
    assert "is not trusted" in command.stderr
    assert "127.0.0.1" in command.stderr


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "text"])
def test_a_file_without_certificates(far: Far, content: str | None) -> None:
    """The error names the option and the file."""
    if content is not None:
        far.place.write("ca.pem", content)

    command = far.run("--url", far.url, "--ca-file", "ca.pem", "actions")

    assert command.code == 78
    assert "--ca-file 'ca.pem' contains no certificates in PEM" in command.stderr


def test_https_to_a_server_with_http(far: Far) -> None:
    """The error asks for the scheme."""
    with ForeignServer({}).run() as server:
        command = far.run("--url", server.url.replace("http:", "https:"), "actions")

    assert command.code == 69
    assert "does the server use http?" in command.stderr
