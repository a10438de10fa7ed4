"""The two documents: the page, and where operators sign in. No script stands in them."""

from __future__ import annotations

import html
from typing import Final

# Links are relative: the page may be mounted below another path. `{folder}` is its own last part.
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
<a class="skip" href="#body">Skip to content</a>
<header class="top">
<a class="brand" href="#/"><img src="{folder}/icon.svg" alt="" width="28" height="28">
<span><b>{name}</b> <span class="muted">Tasks</span></span></a>
<form id="find" role="search">
<input id="find-id" name="id" type="search" aria-label="Find a job by its id"
placeholder="Find a job by id" autocomplete="off" spellcheck="false" required>
</form>
<p id="live" role="status" data-state="waiting"><span class="dot"></span>
<span>Connecting</span></p>
{sign_out}</header>
<nav id="places" aria-label="Jobs by state"></nav>
<main id="body" tabindex="-1">
<noscript><p class="empty">This page needs JavaScript.</p></noscript>
</main>
<p id="said" role="status" class="said"></p>
<dialog id="ask" aria-labelledby="ask-title" aria-describedby="ask-text">
<form method="dialog">
<h2 id="ask-title"></h2>
<p id="ask-text"></p>
<p class="buttons"><button value="no" type="submit">Keep</button>
<button id="ask-yes" class="danger" value="yes" type="submit"></button></p>
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
<body class="door">
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


def page_text(name: str, folder: str, *, has_password: bool) -> str:
    """Return the page.

    Args:
        name: What the application is called.
        folder: The last part of the page's path.
        has_password: Whether one can sign out.
    """
    known = _escaped(name, folder)
    sign_out = _SIGN_OUT.format(**known) if has_password else ""
    return _PAGE.format(title=f"Tasks · {known['name']}", sign_out=sign_out, **known)


def sign_in_text(name: str, folder: str, problem: str = "", *, is_below: bool = False) -> str:
    """Return where operators sign in.

    Args:
        name: What the application is called.
        folder: The last part of the page's path.
        problem: Why that failed before.
        is_below: Whether this answers a request one level below the page.
    """
    known = _escaped(name, f"../{folder}" if is_below else folder)
    told = f'<p class="problem" id="problem" role="alert">{html.escape(problem)}</p>\n'
    return _SIGN_IN.format(
        title=f"Sign in · {known['name']}",
        action="sign-in" if is_below else f"{known['folder']}/sign-in",
        problem=told if problem else "",
        described=' aria-invalid="true" aria-describedby="problem"' if problem else "",
        **known,
    )


def _escaped(name: str, folder: str) -> dict[str, str]:
    return {"name": html.escape(name), "folder": html.escape(folder)}
