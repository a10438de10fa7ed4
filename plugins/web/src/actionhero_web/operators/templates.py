"""The HTML of the pages of operators and of their sign-in form, without inline scripts."""

from __future__ import annotations

import html
from typing import Final

# Links are relative, because a proxy may add a prefix to the path. `{folder}` is its last part.
_HEAD: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{heading}</title>
<link rel="icon" href="{folder}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{folder}/kit/page.css">
"""

_PAGE: Final = (
    _HEAD
    + """\
{style}<script type="module" src="{folder}/kit/page.js"></script>
</head>
<body{body_class}>
<a class="skip" href="#main">Skip to content</a>
<div class="frame">
<header class="side">
<div class="brand"><img src="{folder}/icon.svg" alt="" width="26" height="26">
<span><b>{name}</b><small>{title}</small></span>
<button id="menu" type="button" aria-expanded="false" aria-controls="navigation"
aria-label="Menu"></button></div>
<nav id="navigation" aria-label="Panels"></nav>
<div class="account"><p id="operator"></p>{sign_out}</div>
</header>
<main id="main" class="content" tabindex="-1">
<div class="top"><h1 id="title" tabindex="-1">{title}</h1>
<p id="connection" role="status" data-state="connecting"><span class="dot"></span>
<span>Connecting</span></p></div>
<div id="alerts"></div>
<div id="panel">
<noscript><p class="empty">This page needs JavaScript.</p></noscript>
</div>
</main>
</div>
<p id="notice" role="status" class="notice"></p>
</body>
</html>
"""
)

_STYLE: Final = '<link rel="stylesheet" href="{folder}/{style}">\n'

_SIGN_OUT: Final = """\
<form method="post" action="{folder}/sign-out"><button type="submit">Sign out</button></form>
"""

_SIGN_IN: Final = (
    _HEAD
    + """\
<script type="module" src="{folder}/kit/sign-in.js"></script>
</head>
<body class="sign-in">
<main>
<form class="card" method="post" action="{action}">
<img src="{folder}/icon.svg" alt="" width="44" height="44">
<h1>{name} <small>{title}</small></h1>
{problem}{username}<p><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
{password_focus}{described}></p>
<button class="primary" type="submit">Sign in</button>
</form>
</main>
</body>
</html>
"""
)

_USERNAME: Final = """\
<p><label for="username">Name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none"
spellcheck="false" required autofocus></p>
"""
_FIXED_USERNAME: Final = (
    '<input name="username" value="{operator}" autocomplete="username" aria-label="Name" hidden>\n'
)
_PROBLEM: Final = '<p class="problem" id="problem" role="alert">{problem}</p>\n'


def render_page(
    name: str, title: str, folder: str, *, style: str, has_sign_out: bool, has_navigation: bool
) -> str:
    """Return the HTML of a page.

    Args:
        name: The name of the application.
        title: The title of the page.
        folder: The last part of the path of the page.
        style: The style sheet of its panels, below the folder; empty: none.
        has_sign_out: Whether the page has a button to sign out.
        has_navigation: Whether the page has several panels.
    """
    values = _escape(name=name, title=title, folder=folder)
    return _PAGE.format(
        heading=f"{values['title']} · {values['name']}",
        style=_STYLE.format(folder=values["folder"], style=style) if style else "",
        sign_out=_SIGN_OUT.format(**values) if has_sign_out else "",
        body_class="" if has_navigation else ' class="one-panel"',
        **values,
    )


def render_sign_in(
    name: str,
    title: str,
    folder: str,
    problem: str = "",
    *,
    operator: str | None,
    is_below: bool = False,
) -> str:
    """Return the HTML of the sign-in form.

    Args:
        name: The name of the application.
        title: The title of the page.
        folder: The last part of the path of the page.
        problem: The error of the previous attempt.
        operator: The name of the only operator; `None`: the form asks for the name.
        is_below: Whether the path of the request is one level below the page.
    """
    values = _escape(name=name, title=title, folder=f"../{folder}" if is_below else folder)
    fixed = _FIXED_USERNAME.format(**_escape(operator=operator or ""))
    return _SIGN_IN.format(
        heading=f"Sign in · {values['name']}",
        action="sign-in" if is_below else f"{values['folder']}/sign-in",
        problem=_PROBLEM.format(**_escape(problem=problem)) if problem else "",
        username=_USERNAME if operator is None else fixed,
        password_focus="" if operator is None else "autofocus",
        described=' aria-invalid="true" aria-describedby="problem"' if problem else "",
        **values,
    )


def _escape(**values: str) -> dict[str, str]:
    return {name: html.escape(value) for name, value in values.items()}
