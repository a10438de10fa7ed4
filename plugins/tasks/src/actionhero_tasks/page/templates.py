"""The HTML of the page and of the sign-in form, without inline scripts."""

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
<title>{title}</title>
<link rel="icon" href="{folder}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{folder}/page.css">
"""

_PAGE: Final = (
    _HEAD
    + """\
<script type="module" src="{folder}/page.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<a class="brand" href="#/"><img src="{folder}/icon.svg" alt="" width="28" height="28">
<span><b>{name}</b> <span class="muted">Tasks</span></span></a>
<form id="search" role="search">
<input id="search-id" name="id" type="search" aria-label="Find a job by id"
placeholder="Find a job by id" autocomplete="off" spellcheck="false" required>
</form>
<p id="connection" role="status" data-state="connecting"><span class="dot"></span>
<span>Connecting</span></p>
{sign_out}</header>
<nav id="navigation" aria-label="Jobs by state"></nav>
<main id="main" tabindex="-1">
<noscript><p class="empty">This page needs JavaScript.</p></noscript>
</main>
<p id="notice" role="status" class="notice"></p>
<dialog id="confirmation" aria-labelledby="confirmation-title"
aria-describedby="confirmation-text">
<form method="dialog">
<h2 id="confirmation-title"></h2>
<p id="confirmation-text"></p>
<p class="buttons"><button value="no" type="submit">Back</button>
<button id="confirmation-button" class="danger" value="yes" type="submit"></button></p>
</form>
</dialog>
</body>
</html>
"""
)

_SIGN_OUT: Final = """\
<form method="post" action="{folder}/sign-out"><button type="submit">Sign out</button></form>
"""

_SIGN_IN: Final = (
    _HEAD
    + """\
</head>
<body class="sign-in">
<main>
<form class="card" method="post" action="{action}">
<img src="{folder}/icon.svg" alt="" width="40" height="40">
<h1>{name} <span class="muted">Tasks</span></h1>
{problem}<input name="username" value="operator" autocomplete="username" hidden>
<p><label for="password">Operator password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
autofocus{described}></p>
<button class="primary" type="submit">Sign in</button>
</form>
</main>
</body>
</html>
"""
)


def render_page(name: str, folder: str, *, has_sign_out: bool) -> str:
    """Return the HTML of the page.

    Args:
        name: The name of the application.
        folder: The last part of the path of the page.
        has_sign_out: Whether the page has a button to sign out.
    """
    values = _escape(name, folder)
    sign_out = _SIGN_OUT.format(**values) if has_sign_out else ""
    return _PAGE.format(title=f"Tasks · {values['name']}", sign_out=sign_out, **values)


def render_sign_in(name: str, folder: str, problem: str = "", *, is_below: bool = False) -> str:
    """Return the HTML of the sign-in form.

    Args:
        name: The name of the application.
        folder: The last part of the path of the page.
        problem: The error of the previous attempt.
        is_below: Whether the path of the request is one level below the page.
    """
    values = _escape(name, f"../{folder}" if is_below else folder)
    alert = f'<p class="problem" id="problem" role="alert">{html.escape(problem)}</p>\n'
    return _SIGN_IN.format(
        title=f"Sign in · {values['name']}",
        action="sign-in" if is_below else f"{values['folder']}/sign-in",
        problem=alert if problem else "",
        described=' aria-invalid="true" aria-describedby="problem"' if problem else "",
        **values,
    )


def _escape(name: str, folder: str) -> dict[str, str]:
    return {"name": html.escape(name), "folder": html.escape(folder)}
