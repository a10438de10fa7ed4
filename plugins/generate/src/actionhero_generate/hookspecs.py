"""The hooks of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_generate.generator import Generator


@hookspec
def actionhero_generators() -> Sequence[Generator] | None:
    """Add types of components to `actionhero generate`.

    Called when that command runs.

    Returns:
        `Generator`s: the name of a type, its summary, and the templates of its files, which are
        part of the plugin's wheel. Two generators of one type are an error that names both
        plugins.

    Order:
        The order of the plugins has no effect.

    Example:
        ```python
        @hookimpl
        def actionhero_generators():
            from actionhero_generate import Generator, Template

            report = Template("report.py.jinja", "{{ package_folder }}/reports/{{ module }}.py")
            return [Generator("report", "A nightly report.", (report,), package="my_reports")]
        ```
    """
