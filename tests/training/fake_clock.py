"""A clock for `harness.training` on which only what a test names takes time."""

from harness.training import clock


class FakeClock:
    """Replaces the `time` module of `harness.training.clock`."""

    CPU_SHARE = 0.5
    """Processor seconds per second of wall-clock time."""

    def __init__(self):
        self.now = 0.0

    def install(self, monkeypatch):
        monkeypatch.setattr(clock, "time", self)

    def perf_counter(self):
        return self.now

    def process_time(self):
        return self.now * self.CPU_SHARE

    def pass_seconds(self, seconds):
        self.now += seconds

    def taking(self, seconds, function):
        """`function`, which now takes `seconds`."""

        def slow(*args, **options):
            self.now += seconds
            return function(*args, **options)

        return slow
