import itertools
import os
import shutil

import pytest

import harness
from harness.cli.main import main
from harness.results.locks import hold
from tests.conftest import TINY


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A results folder with five runs: rnn and gru with seeds 1 and 2, and one that diverged."""
    results = tmp_path_factory.mktemp("runs") / "results"
    tiny = [*TINY, f"results_dir={results}"]
    for cell, seed in itertools.product(("rnn", "gru"), (1, 2)):
        harness.run(*tiny, f"cell={cell}", f"seed={seed}")
    harness.run(*tiny, "cell=gru", "seed=3", "train.lr=1e9")
    return results


@pytest.fixture
def made(made_once, tmp_path, monkeypatch):
    """A copy of that folder, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(made_once, tmp_path / "results")


def listed(out):
    """The run_ids of a printed table."""
    return [line.split()[0] for line in out.splitlines()[1:-1]]


def names(folder):
    return sorted(path.name for path in (folder / "runs").iterdir())


def test_every_run_is_listed_with_its_numbers(made, capsys):
    assert main(["runs", "results_dir=results"]) == 0
    out = capsys.readouterr().out
    rows = harness.load_runs(made).set_index("run_id")
    assert sorted(listed(out)) == sorted(rows.index)
    for line in out.splitlines()[1:-1]:
        run_id, status, accuracy, steps, _, started = line.split()
        row = rows.loc[run_id]
        assert (status, int(steps), started) == (row.status, row.steps, row.started_at)
        assert accuracy == (f"{row.test_accuracy:.4f}" if status == "ok" else "-")
    assert out.endswith("5 of 5 runs in results\n")


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        (["cell=gru"], "cell == 'gru'"),
        (["seed=1"], "seed == 1"),
        (["seed=1,3"], "seed in (1, 3)"),
        (["cell=gru", "status=ok"], "cell == 'gru' and status == 'ok'"),
        (["lr=1e9"], "lr == 1e9"),
        (["error=null"], "status == 'ok'"),
    ],
)
def test_filters_leave_the_runs_that_the_table_says(made, filters, query, capsys):
    assert main(["runs", *filters]) == 0
    expected = harness.load_runs(made).query(query)["run_id"]
    assert sorted(listed(capsys.readouterr().out)) == sorted(expected)


def test_a_setting_and_the_beginning_of_a_run_id_are_filters(made, capsys):
    runs = harness.load_runs(made)
    one = runs[(runs.cell == "rnn") & (runs.seed == 2)].iloc[0]
    main(["runs", f"setting={one.setting}"])
    assert sorted(listed(capsys.readouterr().out)) == sorted(runs[runs.cell == "rnn"]["run_id"])
    main(["runs", f"run_id={one.run_id[:-3]}"])
    assert listed(capsys.readouterr().out) == [one.run_id]
    assert main(["runs", "run_id=delayed"]) == 2
    assert "begins 5 runs" in capsys.readouterr().err


def test_runs_without_a_readable_row_are_listed_by_their_status(made, capsys):
    (made / "runs" / "unfinished").mkdir()
    (made / "runs" / "unfinished" / "config.yaml").touch()
    (made / "runs" / "of-another-program").mkdir()
    damaged = next((made / "runs").glob("*-rnn-*-s1-*"))
    (damaged / "row.json").write_text("{")
    main(["runs", "status=begun,corrupt"])
    assert sorted(listed(capsys.readouterr().out)) == sorted(["unfinished", damaged.name])


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["sede=1"], "did you mean 'seed'"),
        (["train.lr=1"], "did you mean 'lr'"),
        (["cell"], "not 'cell'"),
        (["results"], "did you mean results_dir=results"),
        (["results_dir=nowhere"], "nowhere"),
        (["--delete"], "needs a filter"),
        (["--delete", "--yes"], "needs a filter"),
        (["cell=gru", "--yes"], "goes with --delete"),
        (["--force"], "not '--force'"),
    ],
)
def test_wrong_input_is_named_and_deletes_nothing(made, arguments, part, capsys):
    before = names(made)
    assert main(["runs", *arguments]) == 2
    err = capsys.readouterr().err
    assert part in err and err.count("\n") == 1
    assert names(made) == before


def test_a_value_that_no_run_has_gets_the_values_there_are(made, capsys):
    for delete in ([], ["--delete", "--yes"]):
        assert main(["runs", "cell=GRU", *delete]) == 0
        assert "has cell=GRU; there are: gru, rnn" in capsys.readouterr().out
    assert len(names(made)) == 5


def test_delete_shows_and_deletes_with_yes_alone(made, capsys):
    before = names(made)
    assert main(["runs", "cell=gru", "status=ok", "--delete"]) == 0
    out = capsys.readouterr().out
    chosen = [name for name in before if "-gru-" in name and "-s3-" not in name]
    assert all(name in out for name in chosen) and "nothing was deleted" in out
    whole = sum(path.stat().st_size for name in chosen for path in (made / "runs" / name).iterdir())
    assert f"would delete 2 of 2 runs, {whole / 1e3:.1f} kB" in out
    assert names(made) == before
    assert main(["runs", "cell=gru", "status=ok", "--delete", "--yes"]) == 0
    assert "harness report results" in capsys.readouterr().out
    assert names(made) == [name for name in before if name not in chosen]


def test_delete_without_a_filter_needs_all(made):
    assert main(["runs", "--delete", "--all", "--yes"]) == 0
    assert names(made) == []


def test_a_run_that_another_process_makes_is_left_alone_and_named(made, capsys):
    busy = next((made / "runs").glob("*-rnn-*-s1-*"))
    with hold(busy, timeout=0):
        assert main(["runs", "cell=rnn", "--delete", "--yes"]) == 1
    out = capsys.readouterr().out
    assert f"{busy.name}: left alone, another process" in out
    assert "deleted 1 of 2 runs" in out
    assert [name for name in names(made) if "-rnn-" in name] == [busy.name]
    assert (busy / "row.json").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_out_of_the_results_folder_are_never_followed(made, tmp_path, capsys):
    run = next((made / "runs").glob("*-rnn-*-s1-*"))
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    run.rename(outside / run.name)
    run.symlink_to(outside / run.name)
    inside = next((made / "runs").glob("*-rnn-*-s2-*"))
    (outside / "data.txt").write_text("precious")
    (inside / "link").symlink_to(outside)
    assert main(["runs", "cell=rnn", "--delete", "--yes"]) == 1
    assert "a link out of the results folder" in capsys.readouterr().out
    assert (outside / "data.txt").read_text() == "precious"
    assert (outside / run.name / "row.json").exists()
    assert not inside.exists()
