"""What response, remission, relapse ... mean, read from `data/instruments/endpoints.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ketastats.resources import shipped


@lru_cache(maxsize=1)
def load_endpoint_definitions() -> Mapping[str, Mapping[str, Any]]:
    """Return the endpoint definitions by id, with durations, timing, rule ids and sources.

    Per-scale rules are in the instruments themselves (`Instrument.rules`); a definition points to
    them by id.
    """
    with shipped("data", "instruments", "endpoints.toml").open("rb") as stream:
        tables = tomllib.load(stream)["endpoints"]
    return MappingProxyType({key: MappingProxyType(table) for key, table in tables.items()})
