"""Time starting: `import ketastats` beside `import pandas`, and `ketastats --help`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 7


def seconds(*command: str) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print the median of each start and the ratio to pandas."""
    python = sys.executable
    pandas = seconds(python, "-c", "import pandas")
    rows = {
        "python -c pass": seconds(python, "-c", "pass"),
        "import pandas": pandas,
        "import ketastats": seconds(python, "-c", "import ketastats"),
        "import ketastats, load every name": seconds(
            python, "-c", "import ketastats as ks; [getattr(ks, name) for name in ks.__all__]"
        ),
        "ketastats --help": seconds(str(Path(python).with_name("ketastats")), "--help"),
    }
    for name, value in rows.items():
        print(f"{name}: {value:.2f} s ({value / pandas:.2f} of import pandas)")


if __name__ == "__main__":
    main()
