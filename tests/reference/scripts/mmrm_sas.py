"""Make the tables of SAS PROC MIXED results from a checkout of openpharma/mmrm (facts, Apache-2.0).

Run in this folder: python mmrm_sas.py PATH_OF_CHECKOUT
"""

import csv
import re
import sys
from pathlib import Path

SOURCE = "SAS PROC MIXED on fev_data as logged in openpharma/mmrm 0.3.18 (commit ec290b2), {}"
MADE = "scripts/mmrm_sas.py reads the logs; numbers untouched; 2026-11-24"
CODES = {"us": "us", "ar1": "ar1", "arh1": "ar1h", "cs": "cs", "csh": "csh", "toep": "toep"}
CODES |= {"toeph": "toeph", "adh": "adh", "spexp": "sp_exp"}


def write(name, source, columns, rows, *notes):
    """Write a reference table with where it comes from in its first lines."""
    head = [f"# source: {SOURCE.format(source)}", f"# made: {MADE}", *(f"# {n}" for n in notes)]
    lines = [",".join(map(str, row)) for row in [columns, *rows]]
    (Path(__file__).parents[1] / f"{name}.csv").write_text("\n".join([*head, *lines]) + "\n")


def first_row(path):
    return next(csv.DictReader(path.open()))


def kenward_roger(design):
    rows = []
    for name, code in CODES.items():
        full, linear = (
            first_row(design / "ddfm_covtype" / f"{k}_{name}.csv") for k in ("kr", "kr1")
        )
        if name == "spexp":  # the generating script swapped these two files
            full, linear = linear, full
        rows.append([code, full["Estimate"], full["StdErr"], linear["StdErr"], full["DF"]])
    write(
        "mmrm_sas_kenward_roger",
        "design/ddfm_covtype",
        ["covariance", "estimate", "std_error", "std_error_linear", "df"],
        rows,
        "FEV1 ~ ARMCD, REML, TRT minus PBO, ddfm=kr and kr(firstorder); sp_exp in (VISITN, VISITN2)",
        "the files of sp_exp are swapped at the source and put right here",
    )


def empirical(design):
    rows = []
    for name, code in CODES.items():
        for weighted in ("", "_weighted"):
            table = list(
                csv.DictReader((design / "Robust" / f"empirical_{name}{weighted}_covb.csv").open())
            )
            rows.append(
                [code, int(bool(weighted)), table[0]["Col1"], table[1]["Col2"], table[0]["Col2"]]
            )
    write(
        "mmrm_sas_empirical",
        "design/Robust",
        ["covariance", "weighted", "var_intercept", "var_arm", "cov"],
        rows,
        "FEV1 ~ ARMCD, REML, option EMPIRICAL (CR0); sp_exp in (VISITN, VISITN2)",
    )


def residuals(design):
    text = (design / "SAS" / "sas_resid_un.txt").read_text()
    subject, scaled = {}, {}
    block = None
    for line in text.splitlines():
        if re.match(r"\s*Obs\s", line):
            block = "who" if "USUBJID" in line else "resid" if "Resid" in line else None
        parts = line.split()
        if not parts or not parts[0].isdigit():
            continue
        if block == "who" and len(parts) > 2 and parts[1].startswith("PT"):
            subject[int(parts[0])] = parts[1:3]
        if block == "resid" and len(parts) in (6, 7, 8, 9) and parts[-1] != ".":
            scaled[int(parts[0])] = (parts[-5], parts[-4], parts[-1])
    rows = [[*subject[obs], *scaled[obs]] for obs in sorted(scaled)]
    write(
        "mmrm_sas_residuals",
        "design/SAS/sas_resid_un.txt",
        ["USUBJID", "AVISIT", "response", "normalized", "pearson"],
        rows,
        "FEV1 ~ RACE + SEX + ARMCD*AVISIT, unstructured, REML; scaled residuals are the normalized ones",
    )


def prediction(design):
    kinds = {"un": "us", "ar(1)": "ar1", "cs": "cs", "toep": "toep"}
    rows = []
    for name, code in kinds.items():
        path = design / "predict_interval" / f"{name}_satterthwaite.csv"
        for k, row in enumerate(list(csv.DictReader(path.open()))[:60]):
            rows.append([code, k, row["PM"], row["PMSD"], row["P"], row["PSD"]])
    write(
        "mmrm_sas_prediction",
        "design/predict_interval, ddfm=satterthwaite",
        ["covariance", "row", "mean", "mean_se", "given_seen", "given_seen_se"],
        rows,
        "first rows of fev_data (two missed, two seen visits), FEV1 ~ ARMCD, REML",
    )


def limits(design):
    rows = []
    for how in ("ml", "reml"):
        for name, code in (("un", "us"), ("ar1", "ar1")):
            text = (design / "SAS" / f"sas_coef_ci_{how}_{name}.txt").read_text()
            for line in text[text.index("Solution for Fixed Effects") :].splitlines():
                found = re.match(
                    r"\s*(Intercept|ARMCD\s+TRT|SEX\s+Female)\s+([-\d.]+)\s+([\d.]+)\s+([\d.]+)\s.*\s([-\d.]+)\s+([-\d.]+)$",
                    line,
                )
                if found:
                    rows.append([code, how, found[1].split()[0], *found.groups()[1:]])
    write(
        "mmrm_sas_limits",
        "design/SAS/sas_coef_ci_*.txt",
        [
            "covariance",
            "likelihood",
            "term",
            "estimate",
            "std_error",
            "df",
            "conf_low",
            "conf_high",
        ],
        rows,
        "FEV1 ~ ARMCD + SEX, ddfm=satterthwaite, 95% limits, as printed",
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "design"
    for make in (kenward_roger, empirical, residuals, prediction, limits):
        make(folder)
