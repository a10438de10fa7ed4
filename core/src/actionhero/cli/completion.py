"""`actionhero completion`: the completion scripts of shells, and the completion of bash."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from actionhero.cli.group import COMPLETE_VARIABLE, group

# That of click passes the words, which bash has split at colons and equals signs.
_WORDS = 'COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD'
_LINE = (
    'COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_WORD="${COMP_WORDS[COMP_CWORD]}" '
    'COMP_WORDBREAKS="$COMP_WORDBREAKS"'
)


class _BashComplete(BashComplete):
    """Completion in bash, for which a word ends at a colon, as the names of actions contain it."""

    source_template = BashComplete.source_template.replace(_WORDS, _LINE)

    def get_completion_args(self) -> tuple[list[str], str]:
        # With a mark at the cursor, the last word exists even if it is empty.
        *words, last = split_arg_string(os.environ["COMP_WORDS"] + "|")
        return words[1:], last[:-1]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return the completion without the part of the word that bash does not replace."""
        _, incomplete = self.get_completion_args()
        breaks = "" if _is_quoted(os.environ.get("COMP_WORD", "")) else _word_breaks()
        end = max((incomplete.rfind(character) + 1 for character in breaks), default=0)
        return f"{item.type},{item.value.removeprefix(incomplete[:end])}"


def install() -> None:
    """Use the completion of this module for bash, and write no errors, which shells cannot show."""
    add_completion_class(_BashComplete, "bash")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


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
    class_ = _BashComplete if shell == "bash" else get_completion_class(shell)
    if class_ is None:
        raise click.UsageError(f"this version of click has no completion for {shell}")
    click.echo(class_(group, {}, "actionhero", COMPLETE_VARIABLE).source())


def _is_quoted(word: str) -> bool:
    return word.startswith(("'", '"')) or "\\" in word


def _word_breaks() -> str:
    return "".join(set(":=") & set(os.environ.get("COMP_WORDBREAKS", "")))
