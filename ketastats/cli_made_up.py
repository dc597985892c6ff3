"""Commands about made-up cohorts: write one, and plan how many patients would settle a claim."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ketastats.cli_parts import Progress, print_json, settings_of


@click.command()
@click.argument("claim")
@click.option(
    "--sizes",
    default="50,100,200,400,800,1600",
    show_default=True,
    help="Numbers of patients to try.",
)
@click.option("--target", default=0.8, show_default=True, help="Share to be decided rightly.")
@click.option("--replicates", type=click.IntRange(min=2), default=100, show_default=True)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PARAMETER=VALUE",
    help="A value of the scenario, such as a visit; repeatable.",
)
@click.option("--figure", type=click.Path(path_type=Path), help="Where to write the figure.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(
    claim: str,
    sizes: str,
    target: float,
    replicates: int,
    settings: tuple[str, ...],
    figure: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Say how many patients it takes to settle CLAIM where it is true, and where it is false.

    \b
    Example:
      ketastats plan depression-lifts-in-hours --sizes 50,100,200 --figure plan.png
      ketastats plan onset-hours-to-days --set 'visit.hours[Day 2]=48'
    """  # noqa: D301 (click keeps the lines after \b as they are)
    import ketastats as ks
    from ketastats.calibration.cases import template
    from ketastats.calibration.replicates import default_cache

    if figure is not None and not figure.absolute().parent.is_dir():
        raise ks.UsageError(f"--figure: there is no folder {figure.absolute().parent}")
    try:
        tried = [int(word) for word in sizes.split(",")]
    except ValueError:
        raise ks.UsageError("--sizes must be whole numbers with commas, such as 50,100") from None
    template(claim)  # refuses a claim without a judging path before its cases are drawn
    cases = ks.claim_cases(claim, changes=settings_of(settings), which=("false", "true"))
    with Progress(claim, quiet=as_json, unit="cohorts") as advance:
        found = ks.plan_size(
            cases,
            tried,
            target=target,
            replicates=replicates,
            cache=default_cache(),
            progress=advance,
        )
    if figure is not None:
        drawn = found.plot().get_figure(root=True)
        if drawn is not None:
            drawn.savefig(figure, dpi=150, bbox_inches="tight")
    if as_json:
        print_json(found.to_json())
        return
    click.echo(f"{found}.\n")
    click.echo(found.display().to_string(index=False))


@click.command()
@click.argument("scenario", required=False)
@click.option("--n", "n", default=300, show_default=True, help="Patients in all arms together.")
@click.option(
    "--seed", default=20261124, show_default=True, help="The same seed gives the same cohort."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write the cohort into.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PARAMETER=VALUE",
    help="A value of the scenario, without one to take it away; repeatable.",
)
@click.option("--list", "as_list", is_flag=True, help="List the shipped scenarios.")
@click.option("--no-truth", is_flag=True, help="Leave out the true values.")
@click.option("--force", is_flag=True, help="Set aside whatever else is in the folder.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def synth(
    scenario: str | None,
    n: int,
    seed: int,
    out: Path | None,
    settings: tuple[str, ...],
    as_list: bool,  # noqa: FBT001
    no_truth: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Write a made-up cohort of SCENARIO, a shipped name or a CSV file, with what is true of it.

    \b
    Example:
      ketastats synth ketamine_trd --n 200 --seed 1 --out my_cohort
      ketastats synth ketamine_trd --set 'arm.responders[KETAMINE]=0.4' --out my_cohort
      ketastats synth --list
    """  # noqa: D301 (click keeps the lines after \b as they are)
    if as_list:
        _list_scenarios(as_json=as_json)
        return
    if scenario is None or out is None:
        absent = "SCENARIO (--list shows them)" if scenario is None else "--out FOLDER"
        raise click.UsageError(f"Give {absent}")
    from ketastats.synthetic.cohort import synthetic_cohort
    from ketastats.synthetic.scenario import load_scenario
    from ketastats.synthetic.writing import require_place, set_aside, write_cohort

    require_place(out, force=force)
    chosen = load_scenario(scenario)
    if settings:
        chosen = chosen.changed(settings_of(settings))
    if not as_json:
        click.echo(f"{chosen}: drawing {n} patients", err=True)
    cohort = synthetic_cohort(chosen, n, seed)
    kept = set_aside(out)
    with Progress(chosen.name, quiet=as_json or not sys.stderr.isatty()) as advance:
        place = write_cohort(
            cohort, out, seed=seed, truth=not no_truth, force=force, progress=advance
        )
    if as_json:
        print_json(_written(place, chosen.name, chosen.key, n, seed))
        return
    click.echo(f"{cohort}. Made up, and no evidence of anything.")
    click.echo(f"Written: {out}" + (f". What was there is now {kept}" if kept else ""))


def _written(place: Path, scenario: str, key: str, n: int, seed: int) -> dict[str, Any]:
    """What a written cohort is, and the size of each file in bytes."""
    sizes = {path.name: path.stat().st_size for path in sorted(place.iterdir())}
    about = {"folder": str(place), "scenario": scenario, "scenario_key": key, "n": n, "seed": seed}
    return about | {"provenance": "synthetic", "files": sizes}


def _list_scenarios(*, as_json: bool) -> None:
    """Print every shipped scenario in a line, and the tables that change one."""
    from ketastats.synthetic.scenario import OVERLAYS, load_scenario, shipped_scenarios

    found = {name: load_scenario(name) for name in shipped_scenarios()}
    scopes = ("arm", "instrument", "visit")
    held = {
        name: {f"{scope}s": list(one.members(scope)) for scope in scopes}
        for name, one in found.items()
    }
    if as_json:
        print_json({"scenarios": held, "overlays": list(OVERLAYS)})
        return
    for name, one in held.items():
        arms, instruments = ", ".join(one["arms"]), ", ".join(one["instruments"])
        click.echo(f"{name}: {arms}; {instruments}; {len(one['visits'])} visits")
    for name in OVERLAYS:
        click.echo(f"{name}: changes another scenario, as in 'ketamine_trd {name}'")
