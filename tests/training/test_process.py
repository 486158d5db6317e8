"""Settings of the process: they return what they set, and the row of a run records it."""

import contextlib
import functools
import itertools
import json
import platform

import pytest
import torch

from harness.experiment import run as run_module
from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.experiment.schema import TimingOptions
from harness.results import store
from harness.timing.measure import ConfigurationTimer
from harness.training import flush_denormals, keep_freed_memory, process, tf32_allowed, training_process

GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")


@pytest.fixture(autouse=True)
def default_settings():
    yield
    keep_freed_memory(False)
    torch.set_flush_denormal(False)


@pytest.fixture
def calls(monkeypatch):
    """Arguments of the calls of mallopt, replaced by a function that accepts (1), in an unchanged process."""
    made = []

    class Libc:
        def __init__(self, name):
            assert name is None

        def mallopt(self, name, value):
            made.append((name, value))
            return 1

    monkeypatch.setattr(process.ctypes, "CDLL", Libc)
    monkeypatch.setattr(process, "_changed", False)
    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("glibc", "2.36"))
    return made


@GLIBC
def test_freed_memory_is_kept_or_not_as_requested():
    assert keep_freed_memory(True) is True
    assert keep_freed_memory(True) is True
    assert keep_freed_memory(False) is False
    assert keep_freed_memory(True) is True


def test_malloc_is_changed_only_on_request_and_set_back_to_its_defaults(calls):
    assert keep_freed_memory(False) is False
    assert calls == []
    assert keep_freed_memory(True) is True
    assert calls == [(-4, 0), (-1, 2**31 - 1)]  # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h
    assert keep_freed_memory(False) is False
    assert calls[2:] == [(-4, 65536), (-1, 131072)]  # the defaults of mallopt(3)


def test_a_refusal_by_mallopt_is_returned(calls, monkeypatch):
    monkeypatch.setattr(process.ctypes.CDLL, "mallopt", lambda self, name, value: 0)
    assert keep_freed_memory(True) is False


def test_other_c_libraries_are_left_unchanged(calls, monkeypatch):
    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory(True) is False
    assert calls == []


def test_denormals_are_flushed_to_zero_and_normal_numbers_are_not():
    tiny = torch.tensor([1e-30])
    torch.set_flush_denormal(False)
    assert float(tiny * 1e-10) > 0
    can = flush_denormals()
    assert (float(tiny * 1e-10) == 0) is can
    assert float(torch.tensor([2e-38]) * 1.0) > 0  # above the smallest normal number, 1.2e-38


@pytest.mark.parametrize("before", [True, False])
def test_a_run_restores_whether_denormals_are_flushed(tiny, before):
    torch.set_flush_denormal(before)
    execute(plan(compose([*tiny, "cell=rnn"])))
    assert (float(torch.tensor([1e-30]) * 1e-10) == 0) is before


@pytest.fixture
def restored_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_a_training_process_is_set_up_and_denormals_are_restored_after_any_end(
    before, error, restored_threads
):
    torch.set_flush_denormal(before)
    with (
        contextlib.suppress(*([error] if error else [])),
        training_process(threads=2, keep_memory=False) as row,
    ):
        assert torch.get_num_threads() == 2
        assert row == {"keeps_memory": False, "flush_denormal": flush_denormals()}
        assert (float(torch.tensor([1e-30]) * 1e-10) == 0) is row["flush_denormal"]
        if error is not None:
            raise error
    assert (float(torch.tensor([1e-30]) * 1e-10) == 0) is before


# --- TF32 ---------------------------------------------------------------------------------------------

CUDA, CPU = torch.device("cuda"), torch.device("cpu")  # the settings can be made without a GPU

READERS = {
    "products": lambda: torch.backends.cuda.matmul.allow_tf32,
    "cudnn": lambda: torch.backends.cudnn.allow_tf32,
    "precision": torch.get_float32_matmul_precision,
    "new products": lambda: torch.backends.cuda.matmul.fp32_precision,
    "new convolutions": lambda: torch.backends.cudnn.conv.fp32_precision,
    "new recurrent layers": lambda: torch.backends.cudnn.rnn.fp32_precision,
    "new oneDNN": lambda: torch.backends.mkldnn.matmul.fp32_precision,
}
NEWER = pytest.mark.skipif(
    not hasattr(torch.backends.cudnn, "rnn"), reason="torch has fp32_precision from 2.9 on"
)


def tf32_settings():
    """Every reading of both interfaces of torch; `mixed` where torch refuses to answer."""
    readings = {}
    for name, read in READERS.items():
        try:
            readings[name] = read()
        except RuntimeError:
            readings[name] = "mixed"
        except AttributeError:  # an older torch
            assert name.startswith("new")
    return readings


def set_by_newer_interface(precision, *parts):
    for part in parts or (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn):
        part.fp32_precision = precision


def set_by_older_interface(products, cudnn):
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = cudnn


STARTS = {
    "torch's defaults": lambda: None,
    "older, all": lambda: set_by_older_interface(True, True),
    "older, products": lambda: set_by_older_interface(True, False),
    "older, none": lambda: set_by_older_interface(False, False),
    "medium": lambda: torch.set_float32_matmul_precision("medium"),
    "newer, all": pytest.param(lambda: set_by_newer_interface("tf32"), marks=NEWER),
    "newer, none": pytest.param(lambda: set_by_newer_interface("ieee"), marks=NEWER),
    "newer, a part": pytest.param(
        lambda: set_by_newer_interface("ieee", torch.backends.cudnn.rnn), marks=NEWER
    ),
}


@pytest.fixture
def torchs_defaults():
    yield
    torch.set_float32_matmul_precision("highest")
    set_by_older_interface(False, True)
    if hasattr(torch.backends.cudnn, "rnn"):
        set_by_newer_interface("none", torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("allow", [True, False])
@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_tf32_is_set_on_cuda_and_restored_after_any_end(start, allow, error, torchs_defaults):
    start()
    before = tf32_settings()
    with contextlib.suppress(*([error] if error else [])), tf32_allowed(allow, CUDA):
        inside = tf32_settings()
        assert inside["products"] is inside["cudnn"] is allow  # and no reader of cudnn's flag raises
        with torch.backends.cudnn.flags(enabled=False, allow_tf32=allow):
            pass
        assert {inside[name] for name in inside if name.startswith("new") and name != "new oneDNN"} <= {
            "tf32" if allow else "ieee"
        }
        if error is not None:
            raise error
    after = tf32_settings()
    assert {k: v for k, v in after.items() if before[k] != "mixed"} == {
        k: v for k, v in before.items() if v != "mixed"
    }


@pytest.mark.parametrize("allow", [True, False])
def test_on_other_devices_no_setting_of_tf32_changes(allow):
    before = tf32_settings()
    with tf32_allowed(allow, CPU):
        assert tf32_settings() == before
    assert tf32_settings() == before


def test_a_run_trains_inside_its_setting_and_records_it(tiny, monkeypatch):
    asked, inside = [], []

    @contextlib.contextmanager
    def spy(allow, device):
        asked.append((allow, device.type))
        inside.append(True)
        yield
        inside.pop()

    real = run_module.continue_training
    monkeypatch.setattr(run_module, "tf32_allowed", spy)
    monkeypatch.setattr(run_module, "continue_training", lambda *a, **k: (inside[0], real(*a, **k))[1])
    planned = plan(compose([*tiny, "cell=rnn"]))
    execute(planned)
    assert asked == [(False, "cpu")] and not inside
    row = json.loads((planned.folder / "row.json").read_text())
    assert (row["status"], row["tf32"]) == ("ok", False)


@pytest.mark.parametrize("allow", [True, False])
def test_the_timing_pass_measures_inside_the_setting(allow, torchs_defaults):
    seen = []

    def step():
        seen.append(tf32_settings()["products"])
        step.laps.append((0.0, 0.0))

    step.laps = []
    options = TimingOptions(min_seconds=1e-9)
    setting = functools.partial(tf32_allowed, allow, CUDA)
    timer = ConfigurationTimer(step, None, options, 1, clock=itertools.count().__next__, setting=setting)
    timer.warm_up()
    timer.visit()
    assert len(seen) > 10 and set(seen) == {allow}
    assert tf32_settings()["products"] is False


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_tf32_changes_the_numbers_and_is_recorded(tiny):
    rows = {}
    for allow in (True, False):
        before = tf32_settings()
        planned = plan(compose([*tiny, "cell=gru", "device=cuda", f"tf32={str(allow).lower()}"]))
        execute(planned)
        assert tf32_settings() == before
        rows[allow] = json.loads((planned.folder / "row.json").read_text())
        assert (rows[allow]["status"], rows[allow]["tf32"]) == ("ok", allow)
    assert rows[True]["run_id"] != rows[False]["run_id"]
    a, b = torch.randn(2, 512, 512, device="cuda")
    products = []
    for allow in (True, False):
        with tf32_allowed(allow, CUDA):
            products.append(a @ b)
    exact = a.double() @ b.double()
    errors = [float((product - exact).abs().max()) for product in products]
    assert errors[1] < errors[0] or torch.cuda.get_device_capability()[0] < 8


@GLIBC
@pytest.mark.parametrize("keep", [True, False])
def test_the_row_of_a_run_records_whether_memory_was_kept(tiny, keep):
    planned = plan(compose([*tiny, "cell=rnn", "kernel=torch", f"keep_memory={str(keep).lower()}"]))
    execute(planned)
    row = json.loads((store.runs_dir(planned.results_dir) / planned.run_id / "row.json").read_text())
    assert row["keeps_memory"] is keep
    assert row["config"].get("keep_memory", keep) is keep
    assert row["flush_denormal"] is flush_denormals()
    assert row["status"] == "ok"
