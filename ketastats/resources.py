"""Where the shipped files are: in the wheel beside the code, in a checkout at top level."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Path of a shipped file or folder, such as ``shipped("data", "claims", "claims.toml")``."""
    bundled = _PACKAGE / "_shipped"
    root = bundled if bundled.is_dir() else _PACKAGE.parent
    return root.joinpath(*parts)
