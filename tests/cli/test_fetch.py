import pytest
from torchvision import datasets

from harness.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["mnits"], "did you mean 'mnist'"),
        ([], "fetch needs the name of a data set: cifar10, fashion_mnist, mnist, timeseries"),
        (["mnist", "nonsense"], "fetch mnist takes data_dir=FOLDER, not 'nonsense'"),
        (["mnist", "name=Wafer"], "fetch mnist takes data_dir=FOLDER, not 'name=Wafer'"),
        (["timeseries"], "fetch timeseries needs name=NAME, such as name=Wafer"),
        (["timeseries", "dir=x"], "fetch timeseries takes name=NAME, data_dir=FOLDER, not 'dir=x'"),
    ],
)
def test_wrong_input_is_named(arguments, part, capsys):
    assert main(["fetch", *arguments]) == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_a_failed_download_is_one_line_and_code_1_and_leaves_nothing(monkeypatch, tmp_path, capsys, name):
    for data_set in (datasets.MNIST, datasets.FashionMNIST):
        monkeypatch.setattr(data_set, "mirrors", [f"file://{tmp_path}/nowhere/"])
    monkeypatch.setattr(datasets.CIFAR10, "url", f"file://{tmp_path}/nowhere/cifar.tar.gz")
    assert main(["fetch", name, f"data_dir={tmp_path / 'data'}"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"harness: fetching {name} failed: ") and err.count("\n") == 1
    assert list((tmp_path / "data").iterdir()) == []


def test_a_set_that_is_there_is_checked_and_not_downloaded(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("harness.tasks.mnist.read_digits", lambda root: "checked")
    monkeypatch.setattr(datasets.MNIST, "__init__", lambda *_, **__: pytest.fail("downloaded"))
    assert main(["fetch", "mnist", f"data_dir={tmp_path}"]) == 0
    assert str(tmp_path) in capsys.readouterr().out


def test_fetching_a_series_takes_its_name(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(
        "harness.tasks.fetch_timeseries", lambda name, data_dir=None: calls.append((name, data_dir))
    )
    assert main(["fetch", "timeseries", "name=Wafer", f"data_dir={tmp_path}"]) == 0
    assert calls == [("Wafer", str(tmp_path))]
