"""Third-party cells, as a user would write them and name them by `_target_`."""

import ctypes
import functools
import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from harness.cells.examine import SEQUENCES


class LeakyCell(nn.Module):
    """h_t = (1 − α) h_{t−1} + α tanh(W x_t + U h_{t−1}), written as a plain loop."""

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=False):
        super().__init__()
        assert num_layers == 1
        assert batch_first
        self.w = nn.Linear(input_size, hidden_size)
        self.u = nn.Linear(hidden_size, hidden_size, bias=False)
        self.alpha = nn.Parameter(torch.tensor(0.5))

    def forward(self, x, h=None):
        h = x.new_zeros(1, len(x), self.u.in_features) if h is None else h
        outputs = []
        for x_t in x.unbind(1):
            h = (1 - self.alpha) * h + self.alpha * torch.tanh(self.w(x_t) + self.u(h))
            outputs.append(h[0])
        return torch.stack(outputs, 1), h


class NoState(nn.Module):
    """A cell that returns no state."""

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=True):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size, batch_first=True)

    def forward(self, x, state=None):
        return self.gru(x)[0], None


class Bomb(nn.GRU):
    """Raises in the forward pass of training."""

    def forward(self, x, state=None):
        if self.training:
            raise RuntimeError("boom\nin two lines")
        return super().forward(x, state)


class Killer(nn.GRU):
    """Kills its own process, as the system does when memory runs out, until `KILLER_FUSE` exists.

    In training only, and not in the check before the first run, whose batches are smaller.
    """

    def forward(self, x, state=None):
        fuse = Path(os.environ["KILLER_FUSE"])
        if self.training and len(x) > SEQUENCES and self.hidden_size == 5 and not fuse.exists():
            fuse.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x, state)


class Interrupted(nn.GRU):
    """Ctrl-C during training."""

    def forward(self, x, state=None):
        if self.training and len(x) > SEQUENCES:
            os.kill(os.getpid(), signal.SIGINT)
        return super().forward(x, state)


class Exits(nn.GRU):
    """Raises SystemExit during training."""

    def forward(self, x, state=None):
        if self.training:
            raise SystemExit(3)
        return super().forward(x, state)


class NoTuple(nn.Module):
    """Does not return (output, state)."""

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=True):
        super().__init__()
        self.linear = nn.Linear(input_size, hidden_size)

    def forward(self, x):
        return self.linear(x)


leaky_factory = functools.partial(LeakyCell, num_layers=1)


class FromFile(nn.GRU):
    """Reads a number from a file that an argument names."""

    def __init__(self, input_size, hidden_size, init, **options):
        super().__init__(input_size, hidden_size, **options)
        self.number = float(Path(init).read_text())


class RaisesBase(nn.GRU):
    """Raises what is no Exception."""

    def forward(self, x, state=None):
        if self.training:
            raise type("Own", (BaseException,), {})("not an Exception")
        return super().forward(x, state)


class ExitsInConstructor(nn.GRU):
    """Ends the process politely before it is made."""

    def __init__(self, *arguments, **options):
        raise SystemExit(0)


class _Misbehaves(nn.GRU):
    """As nn.GRU until its third training call of a run; the check before it has smaller batches."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.calls = 0

    def forward(self, x, state=None):
        self.calls += self.training and len(x) > SEQUENCES
        if self.training and self.calls == 3:
            self.misbehave()
        return super().forward(x, state)


class Hangs(_Misbehaves):
    def misbehave(self):
        time.sleep(3600)


class HangsDeaf(_Misbehaves):
    """Hangs and does not listen to Ctrl-C."""

    def misbehave(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep(3600)


class Crashes(_Misbehaves):
    def misbehave(self):
        ctypes.string_at(0)


class ExitsAtOnce(_Misbehaves):
    def misbehave(self):
        os._exit(0)


class KilledByTerm(_Misbehaves):
    def misbehave(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)


class RaisesBaseLate(_Misbehaves):
    def misbehave(self):
        raise type("Own", (BaseException,), {})("not an Exception")


class RaisesKeyboardInterrupt(_Misbehaves):
    def misbehave(self):
        raise KeyboardInterrupt("of the cell")


class ChangesFolder(_Misbehaves):
    def misbehave(self):
        os.chdir("/")


class ChangesDtype(_Misbehaves):
    def misbehave(self):
        torch.set_default_dtype(torch.float64)


class ChangesAll(_Misbehaves):
    def misbehave(self):
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_num_threads(2)
        torch.set_float32_matmul_precision("medium")
        warnings.simplefilter("ignore")
        os.environ["OMP_NUM_THREADS"] = "2"
        np.random.seed(0)
        torch.manual_seed(0)
        torch.nn.functional.relu = None
        nn.GRU.forward = None


class Forks(_Misbehaves):
    """Leaves a child and a daemon behind."""

    def misbehave(self):
        if os.fork() == 0:
            time.sleep(3600)
            os._exit(0)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(3600)
            os._exit(0)


class ForksAndReturns(_Misbehaves):
    """The rest of the run is made twice."""

    def misbehave(self):
        os.fork()


class FillsMemory(_Misbehaves):
    """Asks for more than RLIMIT_AS allows, which it lowers for its own process."""

    def misbehave(self):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, resource.RLIM_INFINITY))
        self.ballast = [torch.ones(2**28) for _ in range(64)]


class Sleeps(nn.GRU):
    """As nn.GRU, a little later at each training call: time to be killed in."""

    def forward(self, x, state=None):
        if self.training:
            time.sleep(0.05)
        return super().forward(x, state)


class OpensBackwards(nn.Module):
    """A GRU, and a backward one with a weight that is zero at first: then it reads no later step."""

    def __init__(self, input_size, hidden_size, batch_first=True):
        super().__init__()
        self.forwards = nn.GRU(input_size, hidden_size, batch_first=True)
        self.backwards = nn.GRU(input_size, hidden_size, batch_first=True)
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x, h=None):
        output, state = self.forwards(x, h)
        return output + self.share * self.backwards(x.flip(1))[0].flip(1), state
