"""`actionhero completion`: what a shell needs to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from actionhero.cli.group import group

SHELLS = ("bash", "zsh", "fish", "powershell")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion for a shell; `eval` it, or put it where the shell looks.

    \b
    bash:        eval "$(actionhero completion bash)"
    zsh:         eval "$(actionhero completion zsh)"
    fish:        actionhero completion fish | source
    powershell:  actionhero completion powershell | Out-String | Invoke-Expression
    """  # noqa: D301 - click's mark is the character itself
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"this version of click has no completion for {shell}")
    click.echo(made(group, {}, "actionhero", "_ACTIONHERO_COMPLETE").source())
