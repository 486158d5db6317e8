"""How many runs at a time, and on which GPU: a pure function, tried without any."""

import pytest

from harness.experiment import places
from harness.experiment.places import choose_places, places_on


def gpus_of(found):
    return [one.get("CUDA_VISIBLE_DEVICES") for one in found.environments]


def test_without_a_gpu_there_are_the_workers_that_were_asked_for_and_nothing_is_said():
    found = places_on(None, 6, {"cpu"}, [])
    assert (len(found), found.said, found.environments) == (6, None, ({},) * 6)


@pytest.mark.parametrize("devices", [{"cuda"}, {"cpu", "cuda"}])
def test_by_default_each_worker_has_a_gpu_of_its_own(devices):
    found = places_on(None, 16, devices, ["0", "2", "GPU-7f"])
    assert gpus_of(found) == ["0", "2", "GPU-7f"]
    assert found.said == "3 runs at a time, on a GPU of its own each: 0, 2, GPU-7f"


def test_fewer_workers_than_gpus_use_the_first_ones():
    found = places_on(1, 1, {"cuda"}, ["0", "1"])
    assert gpus_of(found) == ["0"]
    assert found.said == "1 run at a time, on a GPU of its own each: 0"


def test_workers_that_share_a_gpu_are_spread_and_that_is_said():
    found = places_on(5, 5, {"cuda"}, ["0", "1"])
    assert gpus_of(found) == ["0", "1", "0", "1", "0"]
    assert "5 runs at a time on 2 GPUs" in found.said and "n_jobs=null" in found.said


def test_a_device_with_a_number_sees_all_gpus_and_is_used_by_one_run_at_a_time():
    found = places_on(None, 8, {"cuda:1"}, ["0", "1"])
    assert (found.environments, "cuda:1" in found.said) == (({},), True)
    assert len(places_on(3, 3, {"cuda:1"}, ["0", "1"])) == 3


def test_the_gpus_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 1")
    assert gpus_of(choose_places(None, {"cuda"})) == ["3", "1"]
    assert len(choose_places(2, {"cpu"})) == 2


@pytest.mark.parametrize(("n_jobs", "cores"), [(None, -1), (3, 3), (-1, -1)])
def test_null_is_one_worker_a_core(n_jobs, cores, monkeypatch):
    monkeypatch.setattr(places, "effective_n_jobs", lambda n: 4 if n == -1 else n)
    assert places.number_of_workers(n_jobs) == (4 if cores == -1 else cores)


@pytest.mark.parametrize("wrong", [0, "many", 1.5, True])
def test_a_wrong_number_is_refused(wrong):
    with pytest.raises(ValueError, match=f"n_jobs={wrong} must be a whole number other than 0; .*one a GPU"):
        places.number_of_workers(wrong)
