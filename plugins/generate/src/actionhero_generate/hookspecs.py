"""What a plugin may contribute to `actionhero generate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_generate.generator import Generator

hookspec = pluggy.HookspecMarker("actionhero")


@hookspec
def actionhero_generators() -> Sequence[Generator] | None:
    """Further kinds of parts that `actionhero generate` can write.

    Called when that command runs, and at no other time.

    Returns:
        `Generator`s: a kind, what it is told of in listings, and the templates of its files,
        which are part of the plugin's wheel. Two of one kind are an error that names both owners.

    Order:
        Plugins in the order in which they were registered; it makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_generators():
            from actionhero_generate import Generator, Template

            part = Template("report.py.jinja", "{{ package_folder }}/reports/{{ module }}.py")
            return [Generator("report", "What is printed at night.", (part,), home="my_reports")]
        ```
    """
