"""Runs many command lines, each in a fork of a process that has imported what they need.

It reads a JSON array of argument lists from stdin, and writes an array of `[code, stdout, stderr]`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run `actionhero` with arguments in a child process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = ["actionhero", *arguments]
            code = 70
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="surrogateescape"))
        return os.waitstatus_to_exitcode(status), texts[0], texts[1]


if __name__ == "__main__":
    lines = json.load(sys.stdin)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    import importlib

    from actionhero.cli import main

    for name in sys.argv[1:]:
        importlib.import_module(name)
    json.dump([run(arguments) for arguments in lines], sys.stdout)
