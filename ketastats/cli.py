"""Words typed to one call: the command line."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ketastats import __version__
from ketastats.cli_made_up import plan, synth
from ketastats.cli_parts import Progress, print_json, settings_of
from ketastats.errors import unknown_name

if TYPE_CHECKING:
    from ketastats.calibration.operating import OperatingCharacteristics
    from ketastats.claims.verdict import Verdict
    from ketastats.cohort.cohort import Cohort

EXIT_CODES = {
    "UsageError": 2,
    "DataError": 3,
    "NotebookError": 4,
    "PrivacyError": 5,
    "LockedError": 75,
}
INTERRUPTED = 130


class _Group(click.Group):
    """Commands with near-name suggestions, errors as sentences, and the exit codes of the contract."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            raise click.UsageError(
                str(unknown_name("command", args[0], self.commands)), ctx
            ) from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ketastats")
def cli() -> None:
    """From a claim about ketamine therapy to a verdict.

    \b
    Exit codes: 0 done or unchanged, 2 usage, 3 data refused, 4 notebook failed,
    5 a gate failed, 75 another run is publishing, 130 interrupted.
    """  # noqa: D301 (click keeps the lines after \b as they are)


@cli.command()
@click.argument("notebooks", nargs=-1)
@click.option(
    "--out",
    default="reports",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to publish into.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A cohort: a folder, or one table with a mapping beside it.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the notebook; repeatable.",
)
@click.option("--force", is_flag=True, help="Run even if nothing changed.")
@click.option("--json", "as_json", is_flag=True, help="Print what was published as JSON.")
def report(
    notebooks: tuple[str, ...],
    out: Path,
    data: Path | None,
    settings: tuple[str, ...],
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run NOTEBOOKS (all shipped ones if none is named) and publish their reports.

    \b
    Example:
      ketastats report conventional_relief --out reports --set VISIT='Week 4'
    """  # noqa: D301 (click keeps the lines after \b as they are)
    from ketastats.reporting.report import build_report, shipped_notebooks

    published = []
    for name in notebooks or tuple(shipped_notebooks()):
        with Progress(name, quiet=as_json) as advance:
            published.append(
                build_report(
                    data,
                    out,
                    notebook=name,
                    parameters=settings_of(settings),
                    force=force,
                    progress=advance,
                )
            )
    if as_json:
        print_json(
            [
                {"folder": str(one.folder), "changed": one.changed, **one.manifest}
                for one in published
            ]
        )
        return
    for one in published:
        click.echo(one.manifest["answer"])
        click.echo(f"{'Published' if one.changed else 'Unchanged'}: {one.folder / 'report.html'}")


@cli.command()
@click.argument("claim", required=False)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A cohort; without it the shipped published evidence.",
)
@click.option("--arm", help="The arm of the cohort to judge; everybody if not given.")
@click.option("--reference", help="The arm to compare with, for a claim that compares.")
@click.option("--visit", help="The visit, for a share at a visit; the last if not given.")
@click.option("--instrument", help="The instrument, if several have a baseline.")
@click.option("--treatment", help="What these patients received, in the claim's words.")
@click.option("--comparator", help="What the patients of the other arm received.")
@click.option("--randomised", is_flag=True, help="The two arms were assigned at random.")
@click.option("--blinded", is_flag=True, help="Patients and raters did not know the arm.")
@click.option(
    "--calibrate",
    "calibrated",
    is_flag=True,
    help="Also say how often such a verdict is wrong, on made-up data like these.",
)
@click.option(
    "--replicates",
    type=click.IntRange(min=2),
    help="Made-up cohorts or sets of trials per truth, for --calibrate; if not given, rates stored for the "
    "same data, else 200.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def judge(
    claim: str | None,
    data: Path | None,
    arm: str | None,
    reference: str | None,
    visit: str | None,
    instrument: str | None,
    treatment: str | None,
    comparator: str | None,
    randomised: bool,  # noqa: FBT001
    blinded: bool,  # noqa: FBT001
    calibrated: bool,  # noqa: FBT001
    replicates: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Judge CLAIM, given by its id; without one, list all claims.

    \b
    Example:
      ketastats judge conventional-relief-30-40
      ketastats judge onset-hours-to-days --data my_cohort/ --arm KETAMINE --calibrate
    """  # noqa: D301 (click keeps the lines after \b as they are)
    import ketastats as ks

    if claim is None:
        _list_claims()
        return
    cohort = None if data is None else ks.load_cohort(data)
    verdict = ks.judge(
        claim,
        cohort,
        arm=arm,
        reference=reference,
        visit=visit,
        instrument=instrument,
        treatment=treatment,
        comparator=comparator,
        randomised=randomised,
        blinded=blinded,
    )
    rates, errors = None, ""
    if calibrated:
        chosen = {"arm": arm, "reference": reference, "instrument": instrument, "visit": visit}
        rates, errors = _error_rates(verdict, cohort, chosen, replicates, quiet=as_json)
    if as_json:
        made = verdict.to_json()
        print_json(made if rates is None else {**made, "error_rates": rates.to_json()})
        return
    click.echo(f"{verdict.claim}\n\n{verdict}\n")
    shown = verdict.display()
    heading = shown.columns[2]  # a share in per cent, or a ratio
    unit = " %" if str(heading).startswith("%") else ""
    for row in shown.to_dict("records"):
        click.echo(f"  {row['Verdict']:<20} {row[heading]:>20}{unit}  {row['Reading']}")
    needed = f"Needed: {verdict.needed}" if verdict.needed else ""
    # A limit that is the reason has been said.
    limits = [limit for limit in verdict.limits if not verdict.reason.startswith(limit)]
    for line in (*limits, *verdict.notes, needed, errors):
        if line:
            click.echo(f"\n{line}")


def _error_rates(
    verdict: Verdict,
    cohort: Cohort | None,
    chosen: dict[str, Any],
    replicates: int | None,
    *,
    quiet: bool,
) -> tuple[OperatingCharacteristics | None, str]:
    """How often such a verdict is wrong, with its sentence; or why that cannot be said."""
    import ketastats as ks
    from ketastats.calibration.beside_verdict import said_beside
    from ketastats.errors import NoErrorRatesError

    try:
        with Progress(verdict.claim.id, quiet=quiet, unit="cohorts") as advance:
            rates = ks.error_rates(
                verdict.claim, cohort, **chosen, replicates=replicates, progress=advance
            )
    except NoErrorRatesError as error:  # the verdict stands without it
        click.echo(f"No error rates: {error}", err=True)
        return None, ""
    return rates, f"{said_beside(verdict, rates)}"


def _list_claims() -> None:
    """Print every claim, and what it can be judged on."""
    import ketastats as ks
    from ketastats.claims.judge import JUDGED_KINDS, PUBLISHED_KINDS

    for one in ks.load_claims().values():
        judged = ""
        if one.kind in PUBLISHED_KINDS:
            judged = " [judged]"
        elif one.kind in JUDGED_KINDS:
            judged = " [judged on a cohort]"
        click.echo(f"{one.id}{judged}: {one.sentence}")


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    help="Mapping file, if it is not mapping.toml beside the data.",
)
def validate(path: Path, mapping: Path | None) -> None:
    """Check the cohort at PATH and print every problem, without any patient value.

    \b
    Example:
      ketastats validate my_cohort/
    """  # noqa: D301 (click keeps the lines after \b as they are)
    import ketastats as ks

    cohort = ks.load_cohort(path, mapping=mapping)
    click.echo(f"{cohort}. No problems found.\n")
    flow = ks.participant_flow(cohort)
    click.echo(flow.display().to_string(index=False))
    base = ks.derive_baseline(cohort.scores)
    for name in cohort.instruments:
        known = base.loc[(base["paramcd"] == name) & base["base"].notna(), "usubjid"].nunique()
        click.echo(f"{name}: {known} of {len(cohort.subjects)} subjects have a baseline")


cli.add_command(plan)
cli.add_command(synth)


def main() -> None:
    """Run the command line and turn errors into sentences and exit codes."""
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _stop("Interrupted.", INTERRUPTED)
    except KeyboardInterrupt:
        _stop("Interrupted.", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        _stop(*_explain(error))
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _interrupted(*_: object) -> None:
    """Treat a termination like Ctrl-C, so that a scheduler's stop leaves nothing behind."""
    raise KeyboardInterrupt


def _explain(error: Exception) -> tuple[str, int]:
    """A known error's sentence and exit code; an unknown one is a defect and is raised as it is."""
    for kind in type(error).__mro__:
        if kind.__name__ in EXIT_CODES and kind.__module__ == "ketastats.errors":
            notes = getattr(error, "__notes__", [])
            return "\n".join([str(error), *notes]), EXIT_CODES[kind.__name__]
    if isinstance(error, OSError):
        return f"The file system refused: {error.strerror or error} ({error.filename})", 3
    raise error


def _stop(message: str, code: int) -> None:
    click.echo(message, err=True)
    sys.exit(code)
