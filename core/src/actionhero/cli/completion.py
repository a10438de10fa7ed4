"""`actionhero completion`: prints the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from actionhero.cli.group import group


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, for `eval` or a file that the shell loads.

    \b
    bash:        eval "$(actionhero completion bash)"
    zsh:         eval "$(actionhero completion zsh)"
    fish:        actionhero completion fish | source
    powershell:  actionhero completion powershell | Out-String | Invoke-Expression
    """  # noqa: D301 - click's mark is the character itself
    class_ = get_completion_class(shell)
    if class_ is None:
        raise click.UsageError(f"this version of click has no completion for {shell}")
    click.echo(class_(group, {}, "actionhero", "_ACTIONHERO_COMPLETE").source())
