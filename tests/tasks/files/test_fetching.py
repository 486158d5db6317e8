"""Downloads with torchvision from a local mirror with small files: complete, broken and damaged."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import os
import tarfile
import threading

import pytest
from torchvision import datasets

from harness.tasks import (
    fetch_cifar10,
    fetch_fashion_mnist,
    fetch_mnist,
    load_cifar10,
    load_fashion_mnist,
    load_mnist,
)
from harness.tasks.files import cifar10 as cifar10_files
from harness.tasks.files import fashion_mnist
from harness.tasks.files import mnist as mnist_files
from tests.small_sets import small_cifar10, small_digits


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the mirror. A file NAME.promised makes it announce 1,000 bytes more than NAME has."""

    def log_message(self, *_):
        pass

    def copyfile(self, source, outputfile):
        with contextlib.suppress(ConnectionError):  # torchvision closes its first request early
            super().copyfile(source, outputfile)

    def send_header(self, keyword, value):
        more = self.translate_path(self.path) + ".promised"
        if keyword == "Content-Length" and os.path.exists(more):
            value = str(int(value) + 1000)
        super().send_header(keyword, value)


@pytest.fixture
def address(tmp_path):
    """Address of a local server of tmp_path / mirror."""
    handler = functools.partial(Quiet, directory=tmp_path / "mirror")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def md5(raw):
    return hashlib.md5(raw).hexdigest()


def idx_mirror(monkeypatch, address, folder, module, data_set):
    """Four .gz files that both packages take for the published ones."""
    folder.mkdir()
    files = small_digits()
    monkeypatch.setattr(module, "FILES", {name: (shape, md5(raw)) for name, (shape, raw) in files.items()})
    resources = []
    for name, (_, raw) in files.items():
        packed = gzip.compress(raw)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", md5(packed)))
    monkeypatch.setattr(data_set, "resources", resources)
    monkeypatch.setattr(data_set, "mirrors", [address])
    return folder / "t10k-images-idx3-ubyte.gz"


def cifar_mirror(monkeypatch, address, folder):
    """The archive cifar-10-python.tar.gz, which both packages take for the published one."""
    inner = folder / "cifar-10-batches-py"
    inner.mkdir(parents=True)
    files = small_cifar10()
    monkeypatch.setattr(
        cifar10_files, "FILES", {name: (count, md5(raw)) for name, (count, raw, _) in files.items()}
    )
    for name, (_, raw, _) in files.items():
        (inner / name).write_bytes(raw)
    meta = b"\x80\x02}U\x0blabel_names](U\x04birdes."
    (inner / "batches.meta").write_bytes(meta)
    archive = folder / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(inner, inner.name)
    lists = [[name, md5(raw)] for name, (_, raw, _) in files.items()]
    about = {"filename": "batches.meta", "key": "label_names", "md5": md5(meta)}
    for name, value in {
        "url": address + archive.name, "tgz_md5": md5(archive.read_bytes()), "train_list": lists[:5],
        "test_list": lists[5:], "meta": about,
    }.items():  # fmt: skip
        monkeypatch.setattr(datasets.CIFAR10, name, value)
    return archive


@pytest.fixture(params=["mnist", "fashion_mnist", "cifar10"])
def mirror(request, monkeypatch, tmp_path, forget, address):
    """(fetch function, load function, a file of the mirror)."""
    for reader in (fashion_mnist._read_once, cifar10_files._read_once):
        reader.cache_clear()
    folder = tmp_path / "mirror"
    if request.param == "cifar10":
        return fetch_cifar10, load_cifar10, cifar_mirror(monkeypatch, address, folder)
    if request.param == "mnist":
        return fetch_mnist, load_mnist, idx_mirror(monkeypatch, address, folder, mnist_files, datasets.MNIST)
    path = idx_mirror(monkeypatch, address, folder, fashion_mnist, datasets.FashionMNIST)
    return fetch_fashion_mnist, load_fashion_mnist, path


def test_a_set_is_fetched_once_and_loads_from_then_on(mirror, tmp_path, monkeypatch, capfd):
    fetch, load, path = mirror
    root = tmp_path / "data"
    with pytest.raises(FileNotFoundError, match=f"harness fetch {fetch.__name__[6:]} data_dir={root}`"):
        load(data_dir=root)
    assert not root.exists()  # loading downloads nothing
    assert fetch(root) == root
    assert "100.0%" in capfd.readouterr().err  # torchvision's progress
    task = load(data_dir=root)
    assert len(task.test) == 20
    assert not [entry for entry in root.iterdir() if entry.name.startswith(".")]
    path.unlink()
    assert fetch(root) == root  # downloads nothing
    monkeypatch.setenv("HARNESS_DATA", str(root))
    assert fetch() == root
    assert load().fingerprint == task.fingerprint


@pytest.mark.parametrize("damage", ["not there", "empty", "half", "another byte", "cut off"])
def test_a_broken_download_leaves_nothing_and_the_next_one_succeeds(mirror, tmp_path, damage):
    fetch, load, path = mirror
    root, whole = tmp_path / "data", path.read_bytes()
    damaged = {"empty": b"", "half": whole[: len(whole) // 2], "another byte": whole[:-1] + b"?"}
    path.write_bytes(damaged.get(damage, whole))
    promised = path.with_name(path.name + ".promised")
    if damage == "cut off":
        path.write_bytes(whole[:-1000])
        promised.touch()
    if damage == "not there":
        path.unlink()
    with pytest.raises((RuntimeError, OSError)):
        fetch(root)
    assert list(root.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        load(data_dir=root)
    path.write_bytes(whole)
    promised.unlink(missing_ok=True)
    assert len(load(data_dir=fetch(root)).test) == 20


@pytest.mark.parametrize("damage", ["part", "damage"])
def test_a_partial_or_damaged_set_is_fetched_again(mirror, tmp_path, damage):
    fetch, load, _ = mirror
    root = fetch(tmp_path / "data")
    damaged = next(path for path in sorted(root.rglob("*")) if path.name in ("data_batch_3",
                  "t10k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte.gz"))  # fmt: skip
    for path in (damaged, damaged.with_name(damaged.name + ".gz")):
        if path.exists():
            path.unlink() if damage == "part" else path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises((FileNotFoundError, ValueError), match="only a part|wrong|damaged"):
        load(data_dir=root)
    assert len(load(data_dir=fetch(root)).test) == 20
