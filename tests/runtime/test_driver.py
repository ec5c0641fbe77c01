"""The driver's answers, given by a library that is none."""

from __future__ import annotations

from typing import Any

import pytest

from pointnc.runtime.driver import driver_devices, driver_version


class Driver:
    """Answers as libcuda does: through the addresses that it is given, 0 for success."""

    devices = (("Tesla V100-SXM2-16GB", 7, 0, 16 * 2**30), ("NVIDIA H200", 9, 0, 140 * 2**30))

    def __init__(self, version: int = 13000, start: int = 0, status: int = 0) -> None:
        self.version, self.start, self.status = version, start, status

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = self.version
        return self.status

    def cuInit(self, flags: int) -> int:
        return self.start

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = len(self.devices)
        return 0

    def cuDeviceGet(self, device: Any, number: int) -> int:
        device._obj.value = 10 + number  # a handle is not a number
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:
        assert size == 256
        name.value = self.devices[device.value - 10][0].encode()
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:
        value._obj.value = self.devices[device.value - 10][{75: 1, 76: 2}[attribute]]
        return 0

    def cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> int:
        memory._obj.value = self.devices[device.value - 10][3]
        return 0


@pytest.mark.parametrize(("number", "version"), [(13000, (13, 0)), (12040, (12, 4)), (11080, (11, 8))])
def test_the_driver_says_which_cuda_it_knows(number: int, version: tuple[int, int]) -> None:
    assert driver_version(Driver(number)) == version


def test_the_driver_names_its_devices() -> None:
    assert driver_devices(Driver()) == [
        {"name": "Tesla V100-SXM2-16GB", "capability": [7, 0], "memory": 16 * 2**30},
        {"name": "NVIDIA H200", "capability": [9, 0], "memory": 140 * 2**30},
    ]


def test_a_driver_that_does_not_start_names_none() -> None:
    assert driver_version(Driver(status=999)) is None
    assert driver_devices(Driver(start=100)) == []
    assert driver_version(object()) is None and driver_devices(object()) == []
