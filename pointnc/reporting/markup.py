"""Small pieces of html: the document around a page, sections, tables, legends, numbers."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def document(title: str, style: str, body: str) -> str:
    """Return a whole page; ``body`` and ``style`` are html and css, ``title`` is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def section(title: str, body: str, note: str = "") -> str:
    """Return a section; ``title`` and ``note`` are text, ``body`` is html."""
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    remark = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section>{heading}{remark}{body}</section>"


def table(caption: str, rows: Iterable[tuple[str, str]], numeric: bool = False) -> str:
    """Return a table of two columns; with ``numeric`` the second is set flush right."""
    kind = ' class="n"' if numeric else ""
    lines = "".join(
        f'<tr><th scope="row">{escape(str(key))}</th><td{kind}>{escape(str(value))}</td></tr>' for key, value in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tbody>{lines}</tbody></table>"


def legend(items: Iterable[tuple[tuple[int, int, int], str]]) -> str:
    """Return a list of RGB swatches with their names."""
    lines = "".join(
        f'<li><span class="swatch" style="background:rgb({red} {green} {blue})"></span>{escape(name)}</li>'
        for (red, green, blue), name in items
    )
    return f'<ul class="legend">{lines}</ul>'


def number(value: float | None) -> str:
    """Return a score with one decimal, a dash for None."""
    return "–" if value is None else f"{value:.1f}"


def duration(seconds: float) -> str:
    """Return seconds for people: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
