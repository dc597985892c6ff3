"""Tasks that other processes can import, and that import little."""

import os
import time
from dataclasses import dataclass

import numpy as np

from ketastats.errors import UsageError


@dataclass(frozen=True)
class Coin:
    """A task: heads with a known chance; some seeds are refused, by whether the second coin falls."""

    chance: float
    refused: float = 0.0

    def __call__(self, seed):
        first, second = np.random.default_rng(seed).random(2)
        if second < self.refused:
            raise UsageError("The coin rolled away. Look under the table")
        heads = bool(first < self.chance)
        return {"word": "supported" if heads else "undecided", "heads": heads, "first": first}


@dataclass(frozen=True)
class Logged:
    """A coin that writes down, in a file of its own process, each seed it was thrown for."""

    folder: str
    pause: float = 0.0

    def __call__(self, seed):
        time.sleep(self.pause)
        with open(f"{self.folder}/{os.getpid()}.log", "a") as log:
            log.write(f"{seed}\n")
        return Coin(0.3)(seed)


def broken(seed):
    """A task with a fault of its own."""
    raise ZeroDivisionError("a fault")


def threads(seed):
    """What a worker is told about threads."""
    return {"threads": int(os.environ.get("OMP_NUM_THREADS", "0")), "process": os.getpid()}
