"""The notebooks of examples/: outputs are those of their sources; what they say holds when run again."""

import importlib.util
from pathlib import Path

import pytest

import harness

pytest.importorskip("nbclient", reason="nbclient is in the extra dev")
pytest.importorskip("ipykernel", reason="ipykernel is in the extra dev")

ROOT = Path(__file__).parents[1]
PATH = ROOT / "examples" / "gradient_flow.ipynb"


def make_notebook():
    spec = importlib.util.spec_from_file_location("make_notebook", ROOT / "docs" / "make_notebook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


maker = make_notebook()


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed(notebook):
    """What the first code cell printed, line by line."""
    return "".join(output["text"] for output in code_cells(notebook)[0]["outputs"]).splitlines()


def test_the_stored_outputs_are_those_of_the_stored_sources():
    assert maker.NOTEBOOKS == [PATH]
    assert PATH.stat().st_size < 150_000
    stored = maker.read(PATH)
    assert maker.is_current(stored), "the notebook has changed since it was executed: make docs"
    cells = code_cells(stored)
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds == {"stream", "display_data", "execute_result"}
    assert all(output.get("name") != "stderr" for cell in cells for output in cell["outputs"])
    assert len(printed(stored)) == 9
    cells[0]["source"] += "\n# edited"
    assert not maker.is_current(stored)


def test_a_fresh_execution_shows_what_the_reading_says(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    stored = maker.read(PATH)
    fresh = maker.executed(stored, tmp_path)
    assert [cell["source"] for cell in fresh["cells"]] == [cell["source"] for cell in stored["cells"]]
    assert maker.is_current(fresh)
    for new, old in zip(printed(fresh), printed(stored), strict=True):
        start, _, loss = new.rpartition(" ")
        assert old.startswith(start)
        assert float(loss) == pytest.approx(float(old.rpartition(" ")[2]), abs=0.03)
    runs = harness.load_runs(tmp_path / "results").groupby("cell")
    solved, medians = runs["solved_step"].count(), runs.median(numeric_only=True)
    assert medians["gradflow_decades_init"].between(-6, -4.5).all()
    assert dict(solved) == {"gru": 3, "lstm": 0, "rnn": 0}
    end = medians["gradflow_decades_end"]
    assert end["gru"] > -1 and end["rnn"] < -4 and end["lstm"] < -4
    assert medians["gradflow_reach_end"]["gru"] == 24
