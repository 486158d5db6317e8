"""Names that Matplotlib, Markdown or LaTeX could read as their own signs."""

from __future__ import annotations

from harness.report import write_report
from tests.results.rows import STEPS, FlowRow

from .synthetic import make_record, write_run


def test_dollar_signs_in_names_are_no_formula_and_stop_no_figure(tmp_path):
    names = {"task": "$\\frac{$", "cell": "a$b_1$", "variant": "<$x^2$>", "data_source": "$", "cpu": "$5"}
    for changes in ({"seed": 1}, {"seed": 2, "error": "$\\x$"}, {"seed": 1, "cell": "^_{$", "seq_len": 56}):
        run_id = f"odd-{len(list(tmp_path.glob('runs/*')))}"
        flow = [FlowRow(1, 0, "h", t, 10.0**-t, -float(t)) for t in range(9)]
        write_run(tmp_path, make_record(**names | changes, run_id=run_id), STEPS, flow)
    drawn = {path.name.partition("-")[0] for path in write_report(tmp_path) if path.suffix == ".png"}
    assert {"accuracy_vs_length.png", "learning_curves", "gradient_flow", "grad_norm"} <= drawn
