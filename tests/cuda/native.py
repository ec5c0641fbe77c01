"""spconv on a CPU: its native algorithm, in which the branch for CUDA can be run without a device."""

from __future__ import annotations

from typing import Any

import pytest

from pointnc.sparse import spconv_convolution


def use_native_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every convolution of spconv take its native algorithm, the only one that it has on a CPU."""
    made = spconv_convolution._layer.__wrapped__

    def native(*arguments: Any) -> Any:
        from spconv.core import ConvAlgo

        layer = made(*arguments)
        layer.algo = ConvAlgo.Native
        return layer

    monkeypatch.setattr(spconv_convolution, "_layer", native)
