"""What the commands share: settings, JSON and progress."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click


def settings_of(texts: tuple[str, ...]) -> dict[str, Any]:
    """Settings typed as NAME=VALUE, by name."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--set takes NAME=VALUE, not {text!r}")
        found[name] = value
    return found


def print_json(content: Any) -> None:
    """Print content as JSON."""
    import json

    click.echo(json.dumps(content, indent=1, ensure_ascii=False))


class Progress:
    """A progress bar on a terminal, one line at the start elsewhere."""

    def __init__(self, title: str, *, quiet: bool, unit: str = "cells") -> None:
        self._title, self._quiet, self._unit = title, quiet, unit
        self._bar: Any = None

    def __enter__(self) -> Callable[[int, int], None]:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=None)
        return self._advance

    def _advance(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif not self._quiet and done == 0:
            click.echo(f"{self._title}: running {total} {self._unit}", err=True)

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()
