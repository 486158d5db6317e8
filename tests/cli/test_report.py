import pytest

from harness.cli.main import main


@pytest.fixture
def in_tmp(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("form", [["{}"], ["results_dir={}"], []])
def test_the_report_of_a_folder_is_written_in_each_form(tiny, in_tmp, capsys, form):
    main(tiny)
    capsys.readouterr()
    folder = in_tmp / "results"
    assert main(["report", *(text.format(folder) for text in form)]) == 0
    printed = capsys.readouterr().out.split()
    for name in ("runs.csv", "steps.csv", "summary.md"):
        assert (folder / name).stat().st_size > 0
    assert all((in_tmp / path).exists() for path in printed)
    assert any(path.endswith(".png") for path in printed)


def test_figures_are_written_in_each_format_that_is_asked_for(tiny, in_tmp, capsys):
    main(tiny)
    capsys.readouterr()
    assert main(["report", "--formats", "svg,pdf", "--style=paper", "results"]) == 0
    printed = capsys.readouterr().out.split()
    assert {path.rpartition(".")[2] for path in printed} == {"csv", "md", "svg", "pdf"}
    assert {path.suffix for path in (in_tmp / "results" / "figures").iterdir()} == {".svg", ".pdf"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["a", "b"], "one results folder"),
        (["no/such/folder"], "no/such/folder"),
        (["results_dir=no/such/folder"], "no/such/folder"),
        (["results_dir="], "'results_dir='"),
        (["folder=x"], "such as results_dir=results"),
        (["file"], "file is a file"),
        (["empty"], "no finished runs"),
        (["empty", "--formats", "png,gif"], "--formats takes png, svg, pdf, not 'gif'"),
        (["empty", "--formats="], "--formats takes one value"),
        (["empty", "--style", "poster"], "--style takes screen, paper, not 'poster'"),
        (["empty", "--style"], "--style takes one value"),
    ],
)
def test_wrong_input_is_named(arguments, part, in_tmp, capsys):
    (in_tmp / "file").write_text("")
    (in_tmp / "empty").mkdir()
    assert main(["report", *arguments]) == 2
    err = capsys.readouterr().err
    assert part in err and err.count("\n") == 1
