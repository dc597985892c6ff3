"""The right-censored data sets behind the survival references."""

from __future__ import annotations

from typing import Any

from references import read_input


def people(dataset: str, group: int | None = None) -> dict[str, Any]:
    """The rows behind a reference, as arrays of `kaplan_meier`."""
    if dataset == "lung":
        frame = read_input("survival_lung").rename(columns={"sex": "group"})
    elif dataset.startswith("veteran"):
        frame = read_input("survival_veteran")
        cell = frame["celltype"].rank(method="dense").astype(int)
        frame = frame.assign(group=frame["trt"] if dataset == "veteran" else cell)
    else:
        frame = read_input("survival_cases").query("name == @dataset")
    if group is not None:
        frame = frame[frame["group"] == group]
    weight = frame.get("weight")
    late = "entry" in frame and frame["entry"].notna().any()
    return {
        "time": frame["time"].to_numpy(dtype=float),
        "event": frame["event"].to_numpy(),
        "weight": weight,
        "entry": frame["entry"].to_numpy() if late else None,
    }
