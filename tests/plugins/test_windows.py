"""The commands of all packages on Windows, whose Python lacks some modules."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Runs a command without the modules. Those of other packages have their own versions for Windows.
PROGRAM = """
import asyncio, concurrent.futures, ctypes, getpass, logging.handlers, multiprocessing, platform
import shutil, socket, ssl, subprocess, sys, tempfile, types, uuid
import aiohttp.web, click, cryptography, prometheus_client, pydantic, redis.asyncio, rich.console
import tortoise

from actionhero.cli import main

platform.uname()
for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
# From Python 3.12 on, `shutil.which` asks it.
shutil._winapi = types.SimpleNamespace(NeedCurrentDirectoryForExePath=lambda _: True)
sys.platform = "win32"
main()
"""


async def test_commands_load_all_plugins_without_the_modules_of_posix(tmp_path: Path) -> None:
    """The HTTP server alone is refused, with the alternatives."""
    program = tmp_path / "command.py"
    program.write_text(PROGRAM, "utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), "plugins"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    output, errors = await process.communicate()

    text = output.decode() + errors.decode()
    assert "console" in text
    assert "failed in" not in text
    assert "the HTTP server does not run on Windows" in text
