import webbrowser

import pytest

from harness.cli.main import main
from harness.cli.report import report_text
from harness.report import Report
from harness.report.findings import Finding


@pytest.fixture
def in_tmp(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("form", "figures"), [(["{}"], True), (["results_dir={}"], False), ([], False)])
def test_the_report_of_a_folder_is_written_in_each_form(tiny, in_tmp, capsys, request, form, figures):
    if not figures:
        request.getfixturevalue("without_figures")
    main(tiny)
    capsys.readouterr()
    folder = in_tmp / "results"
    assert main(["report", *(text.format(folder) for text in form)]) == 0
    *findings, page, beside = capsys.readouterr().out.splitlines()
    assert 1 <= len(findings) <= 3
    for name in ("report.html", "runs.csv", "steps.csv", "summary.md"):
        assert (folder / name).stat().st_size > 0
    assert (in_tmp / page).resolve() == folder / "report.html"
    drawn = len([*folder.glob("figures/*.png")])
    assert beside.startswith(f"beside it: {drawn} figure files in" if figures else "beside it: no figure, ")
    assert (drawn > 5) == figures


def test_open_opens_the_page(tiny, in_tmp, capsys, monkeypatch):
    main(tiny)
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: not opened.append(uri))
    assert main(["report", "--open", str(in_tmp / "results")]) == 0
    assert opened == [(in_tmp / "results" / "report.html").as_uri()]


def test_the_first_three_findings_come_before_the_path(in_tmp):
    findings = tuple(Finding("memory", f"Finding {i}.") for i in range(5))
    report = Report(in_tmp / "report.html", findings, (), ())
    assert report_text(report).splitlines() == [
        "Finding 0.", "Finding 1.", "Finding 2.", str(in_tmp / "report.html"),
        "beside it: no figure, summary.md, runs.csv, steps.csv",
    ]  # fmt: skip


def test_figures_are_written_in_each_format_that_is_asked_for(tiny, in_tmp, capsys):
    main(tiny)
    capsys.readouterr()
    assert main(["report", "--formats", "svg,pdf", "--style=paper", "results"]) == 0
    names = [path.name for path in (in_tmp / "results" / "figures").iterdir()]
    of_each = [{n.removesuffix(end) for n in names if n.endswith(end)} for end in (".png", ".svg", ".pdf")]
    assert of_each[0] == of_each[1] == of_each[2] != set()  # PNG too: the page shows it
    assert f"{len(names)} figure files in" in capsys.readouterr().out


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
