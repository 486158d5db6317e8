"""Which trials run, and the table of what became of them."""

from collections import Counter

import pytest

from harness.cli.main import main
from harness.report import draw_all
from tests.faults.commands import bits


@pytest.fixture(autouse=True)
def fault(request, record_property):
    """Names the row of the table that a test belongs to: the first line of its docstring, or its name."""
    words = request.function.__doc__ or request.function.__name__.removeprefix("test_").replace("_", " ")
    record_property("fault", words[:1].upper() + words[1:].splitlines()[0].rstrip("."))


def pytest_terminal_summary(terminalreporter):
    counts = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            name = dict(getattr(report, "user_properties", ())).get("fault")
            if name is not None and (report.when == "call" or outcome == "error"):
                counts.setdefault(name, Counter())[outcome] += 1
    if sum(sum(found.values()) for found in counts.values()) > len(counts):  # more than the usual suite
        terminalreporter.section("faults")
        terminalreporter.write_line("| fault | trials | as expected |")
        terminalreporter.write_line("|---|---|---|")
        for name, found in sorted(counts.items()):
            terminalreporter.write_line(f"| {name} | {sum(found.values())} | {found['passed']} |")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The bits of a grid that nothing disturbs, made in this process; each grid once."""
    known = {}

    def bits_of(arguments):
        if arguments not in known:
            results = tmp_path_factory.mktemp("undisturbed")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(draw_all, "figures_of", lambda data: ())
                assert main(["-m", *arguments, "hydra/launcher=basic", f"results_dir={results}"]) == 0
            known[arguments] = bits(results)
        return known[arguments]

    return bits_of
