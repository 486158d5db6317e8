"""Whether a run has finished: its row is final, and every file that is asked for is there."""

from __future__ import annotations

from harness.experiment.plan import Plan
from harness.results import store
from harness.results.hashes import damaged_files
from harness.results.schema import FINAL_STATUSES
from harness.training.probes import MomentProbe


def why_not_finished(run: Plan) -> str | None:
    """Why a run has to be made, or None when it has finished.

    It has not when it has no row, or one that is not final, or a file beside it is damaged, or it lacks the
    weights or a probe's table that the plan asks for; a table that is recorded by default alone
    (`MomentProbe.required`) is not asked for.
    """
    try:
        row = store.read_row(run.folder)
    except store.CorruptRowError as error:
        return str(error)
    if row is None:
        return "it has no row"
    if row["status"] not in FINAL_STATUSES:
        return f"it is {row['status']}"
    if damaged := damaged_files(run.folder, row):
        return "; ".join(f"{name}: {what}" for name, what in damaged.items())
    if row["status"] == "ok" and run.keep_weights and not (run.folder / store.WEIGHTS_NAME).is_file():
        return f"{store.WEIGHTS_NAME} is asked for"
    tables = row.get("tables", {})
    for probe in run.probes:
        if isinstance(probe, MomentProbe) and not probe.required:
            continue
        table = tables.get(probe.name)
        if table is None or not (run.folder / f"{probe.name}.csv").is_file():
            return f"the table of the probe {probe.name} is asked for"
        if table.get("note") is None and not probe.covers(table.get("settings", {})):
            return f"the probe {probe.name} is asked for with other settings"
    return None
