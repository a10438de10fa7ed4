"""A bare click program with twenty commands."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """Do one of twenty things."""


def _add(number: int) -> None:
    @main.command(f"thing{number}")
    @click.option("--name", required=True, help="The name.")
    @click.option("--count", type=int, default=1, help="How often.")
    def thing(name: str, count: int) -> None:
        """Do one of them."""
        click.echo(name * count)


for _number in range(20):
    _add(_number)

if __name__ == "__main__":
    main()
