# ruff: noqa: N801, N802, N818  NVML has its own names
"""NVIDIA's driver, played: several GPUs, some of them hidden, lost or in parts, or none at all."""

from types import SimpleNamespace

import pytest

from commands import gpus as commands_gpus
from deployments import metrics
from engines import gpus
from engines.errors import EngineLoadError
from engines.gpus import GpuReading, LostGpu, read_gpus

GIB = 2**30


class NVMLError(Exception):
    pass


class NVMLError_NotSupported(NVMLError):
    pass


class Driver:
    """What of ``pynvml`` is used; a handle is an index."""

    NVMLError = NVMLError
    NVMLError_NotSupported = NVMLError_NotSupported

    def __init__(self, count=3):
        self.count = count
        self.lost = set()
        self.in_parts = set()
        self.is_missing = False
        self.breaks_at_once = False
        self.open = 0

    def nvmlInit(self):
        if self.is_missing:
            raise NVMLError("NVML Shared Library Not Found")
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlSystemGetDriverVersion(self):
        assert self.open == 1
        return "570.1"

    def nvmlDeviceGetCount(self):
        if self.breaks_at_once:
            raise NVMLError("Unknown Error")
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index):
        if index in self.lost:
            raise NVMLError("GPU is lost")
        return index

    def nvmlDeviceGetUUID(self, index):
        return f"GPU-{index}{index}-abc"

    def nvmlDeviceGetName(self, index):
        return "H100"

    def nvmlDeviceGetMemoryInfo(self, index):
        return SimpleNamespace(used=index * GIB, total=80 * GIB)

    def nvmlDeviceGetUtilizationRates(self, index):
        if index in self.in_parts:
            raise NVMLError_NotSupported("Not Supported")
        return SimpleNamespace(gpu=25)


@pytest.fixture
def driver(monkeypatch):
    driver = Driver()
    monkeypatch.setattr(gpus, "pynvml", driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield driver
    assert driver.open == 0, "NVML is left open"


def uuids():
    return [gpu.uuid for gpu in read_gpus()]


def test_every_gpu_is_read(driver):
    assert uuids() == ["GPU-00-abc", "GPU-11-abc", "GPU-22-abc"]
    gpu = read_gpus()[2]
    assert gpu == GpuReading("GPU-22-abc", "H100", "570.1", 2 * GIB, 80 * GIB, 0.25)
    assert str(gpu) == "H100, 78 of 80 GiB free, driver 570.1"


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        ("1", [1]),
        ("2,0", [0, 2]),
        ("GPU-11-abc", [1]),
        ("GPU-2", [2]),
        ("GPU-11-abc,0", [0, 1]),
        ("", []),
        ("-1", []),
        ("7", []),
        ("GPU-no-such", []),
    ],
)
def test_only_what_the_process_may_use(driver, monkeypatch, visible, indices):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert uuids() == [f"GPU-{index}{index}-abc" for index in indices]


def test_a_gpu_that_fell_off_the_bus_hides_no_other(driver):
    driver.lost = {1}
    first, lost, last = read_gpus()
    assert (first.uuid, last.uuid) == ("GPU-00-abc", "GPU-22-abc")
    assert lost == LostGpu(1, "GPU is lost")


def test_a_lost_gpu_that_is_not_ours_is_not_told_of(driver, monkeypatch):
    driver.lost = {1}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    assert uuids() == ["GPU-00-abc", "GPU-22-abc"]


def test_a_gpu_in_parts_does_not_tell_how_busy_it_is(driver):
    driver.in_parts = {0}
    assert [gpu.utilization for gpu in read_gpus()] == [None, 0.25, 0.25]


@pytest.mark.parametrize("fault", ["is_missing", "breaks_at_once"])
def test_without_a_driver_there_is_no_gpu(driver, fault):
    setattr(driver, fault, True)
    assert read_gpus() == []
    assert commands_gpus.find_gpus() == []


class Gauge:
    def __init__(self, name, **_):
        self.values = {}
        GAUGES[name] = self.values

    def set(self, value, tags):
        self.values[tags["gpu"]] = value


GAUGES = {}


def test_replicas_export_those_that_answer(driver, monkeypatch):
    monkeypatch.setattr(metrics, "Gauge", Gauge)
    driver.lost, driver.in_parts = {0}, {1}
    metrics.GpuMetrics().publish()
    memory = {"GPU-11-abc": GIB, "GPU-22-abc": 2 * GIB}
    assert GAUGES["tts_gpu_memory_used_bytes"] == memory
    assert GAUGES["tts_gpu_memory_total_bytes"] == dict.fromkeys(memory, 80 * GIB)
    assert GAUGES["tts_gpu_utilization_ratio"] == {"GPU-22-abc": 0.25}


@pytest.mark.parametrize("works", [True, False])
def test_doctor_asks_torch_too(driver, monkeypatch, works):
    monkeypatch.setattr("torch.cuda.is_available", lambda: works)
    found = commands_gpus.find_gpus()
    if works:
        assert found == read_gpus()
    else:
        assert isinstance(found, EngineLoadError)
        assert "H100" in str(found)


def test_doctor_tells_of_a_lost_gpu(driver, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    driver.lost = {2}
    found = commands_gpus.find_gpus()
    assert isinstance(found, EngineLoadError)
    assert str(found) == "GPU 2 does not answer: GPU is lost"
