"""The encoder of Sonata and Concerto (Point Transformer V3, "m2"), alone or with a decoder.

Papers: Wu et al., Point Transformer V3 (CVPR 2024) and Sonata (CVPR 2025); Zhang et al., Concerto (NeurIPS 2025).
Names of modules are those of the released files. Where their code is random or looks at the batch, this one is not:
which curve a block follows is drawn once, by a seed; a curve is as deep, and a patch as long, as its scene asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointnc.checks import OptionError, check_number, check_option, check_switch, check_whole
from pointnc.errors import UserError
from pointnc.models.blocks import Norm
from pointnc.models.inputs import check_channels
from pointnc.models.neck import Neck
from pointnc.models.patches import WIDTH, Patches
from pointnc.models.pyramid import Level, levels_of
from pointnc.models.serialization import ORDERS, depths_of
from pointnc.models.sonata_blocks import Embedding, Pooling, Stage, Unpooling
from pointnc.models.stochastic_depth import draw_kept, rates
from pointnc.sparse.engines import choose_engine
from pointnc.sparse.grid import Grid, SparseTensor

INPUT = ("coord", "color", "normal")
"""What the encoders were trained to see, three channels each."""

DEEPEST = 1000


class Sonata(nn.Module):
    """Transformer over five resolutions, with attention in patches along curves.

    Without a decoder a voxel's features are those of its cells at all resolutions, one behind the other.

    Args:
        in_channels: channels F of the input features: coordinates, color and normal, but for what is absent.
        channels: of the stages, from fine to coarse, multiples of 16 (a head has 16).
        depths: blocks of each stage.
        decoder_channels: of the decoder's stages, from fine to coarse, one fewer; None: no decoder.
        decoder_depths: blocks of each of them; None: 2 each.
        patch: voxels of a patch.
        layer_scale: whether each branch has factors of its own.
        absent: names out of "coord", "color" and "normal" that the data lack: zeros stand there.
        order_seed: of the curves that the blocks follow.
        drop_path: how likely the last block leaves out a voxel's branch in training; earlier ones proportionally less.
        freeze: None, or "encoder": it stays as it is and leaves out nothing.
        neck: None, or the channels of a :class:`~pointnc.models.neck.Neck` behind all this: the features then.
        checkpointing: whether training keeps only what goes into each block.
        engine: of the sparse convolutions: "auto", "cpu", "spconv" or "torch".

    Attributes:
        in_channels: F.
        out_channels: D, the channels of the output.
        inputs: arrays of a scene that the input features must come from, in this order.

    Raises:
        UserError: an argument is out of range, or F is not what ``absent`` leaves.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        depths: Sequence[int],
        decoder_channels: Sequence[int] | None = None,
        decoder_depths: Sequence[int] | None = None,
        patch: int = 1024,
        layer_scale: bool = False,
        absent: Sequence[str] = (),
        order_seed: int = 0,
        drop_path: float = 0.3,
        freeze: str | None = None,
        neck: int | None = None,
        checkpointing: bool = False,
        engine: str = "auto",
    ) -> None:
        super().__init__()
        _check_plan("channels", channels, None, WIDTH)
        _check_plan("depths", depths, len(channels), 1)
        check_whole("patch", patch, least=2)
        check_switch("layer_scale", layer_scale)
        check_switch("checkpointing", checkpointing)
        check_whole("order_seed", order_seed, least=0)
        check_number("drop_path", drop_path, least=0, below=1)
        check_whole("neck", neck, least=1, optional=True)
        if freeze is not None:
            check_option("freeze", freeze, "encoder")
        if decoder_depths is not None and decoder_channels is None:
            raise OptionError("decoder_depths without decoder_channels: there is no decoder")
        absent = list(absent or ())
        for name in absent:
            check_option("absent", name, *INPUT)
        self.inputs = tuple(name for name in INPUT if name not in absent)
        if in_channels != 3 * len(self.inputs):
            raise UserError(
                f"this encoder takes {', '.join(INPUT)}; with model.absent={absent} {3 * len(self.inputs)} channels "
                f"are left, not {in_channels}: make dataset.features and model.absent agree", code="channels",
            )  # fmt: skip
        self.in_channels, self.patch, self.freeze = in_channels, patch, freeze
        self.checkpointing, self.engine, self.drop_path = checkpointing, engine, drop_path
        self.embedding = Embedding(3 * len(INPUT), channels[0])
        self.orders = _draw_orders(len(channels), order_seed)
        self.enc = nn.ModuleDict()
        for stage, (width, depth) in enumerate(zip(channels, depths)):
            down = Pooling(channels[stage - 1], width) if stage else None
            self.enc[f"enc{stage}"] = Stage(width, depth, layer_scale, down=down)
        self.dec = nn.ModuleDict()
        self.out_channels = sum(channels)
        if decoder_channels is not None:
            depths = decoder_depths or [2] * len(decoder_channels)
            _check_plan("decoder_channels", decoder_channels, len(channels) - 1, WIDTH)
            _check_plan("decoder_depths", depths, len(channels) - 1, 1)
            widths = [*decoder_channels, channels[-1]]
            for stage in reversed(range(len(decoder_channels))):
                up = Unpooling(widths[stage + 1], channels[stage], widths[stage])
                self.dec[f"dec{stage}"] = Stage(widths[stage], depths[stage], layer_scale, up=up)
            self.out_channels = decoder_channels[0]
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        self.neck: nn.Module = nn.Identity()
        if neck is not None:
            self.neck = Neck(self.out_channels, neck, Norm())
            self.out_channels = neck
        for part in (self.embedding, self.enc) if freeze is not None else ():
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> Sonata:
        """Switch to training, but for what is frozen."""
        super().train(mode)
        if self.freeze is not None:
            self.embedding.eval()
            self.enc.eval()
        return self

    def remarks(self) -> list[str]:
        """Return what a user should know: what is zero, and what does not learn."""
        zeros = ", ".join(name for name in INPUT if name not in self.inputs)
        said = [f"zeros stand for {zeros}, which the data lack (model.absent)"] if zeros else []
        return said + (["the encoder is frozen (model.freeze)"] if self.freeze else [])

    def forward(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        """Compute a feature vector for every voxel, see :class:`pointnc.models.segmentor.Backbone`.

        Raises:
            UserError: F is not the number of channels that the network was built for, or a scene is too large to be
                put in order.
        """
        check_channels(features, self.in_channels)
        engine = choose_engine(self.engine, features.device).name
        levels, row = levels_of(coord, batch_size, len(self.enc), engine, features.device)
        rows = torch.empty_like(row).index_copy(0, row, torch.arange(len(row), device=row.device))
        depths = [depths_of(level.coord, level.lengths) for level in levels]
        cuts = [
            [Patches.of(level.coord, level.lengths, ORDERS[order], self.patch, deep) for order in orders]
            for level, deep, orders in zip(levels, depths, self.orders)
        ]
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.freeze is None):
            stages = self._encode(self._all_channels(features).index_select(0, rows), levels, cuts)
        x = self._decode(stages, levels, cuts) if self.dec else _gathered(stages, levels)
        x = x.index_select(0, row)
        if isinstance(self.neck, Neck):
            x = self.neck(SparseTensor(x, Grid(coord, (1, 1, 1), batch_size, "torch"))).features
        return x.float()

    def _all_channels(self, features: Tensor) -> Tensor:
        """Return (V, 9) with zeros where the data have nothing."""
        given = iter(features.split(3, dim=1))
        empty = features.new_zeros(len(features), 3)
        return torch.cat([next(given) if name in self.inputs else empty for name in INPUT], dim=1)

    def _encode(self, x: Tensor, levels: list[Level], cuts: list[list[Patches]]) -> list[Tensor]:
        """Return the features of each stage, from fine to coarse."""
        x = self.embedding(x)
        stages = [self.enc[f"enc{number}"] for number in range(len(self.enc))]
        kept = self._kept(stages, levels, x, self.enc.training)
        found = []
        for number, stage in enumerate(stages):
            assert isinstance(stage, Stage)
            if stage.down is not None:
                x = stage.down(x, levels[number - 1].parent, len(levels[number].coord))
            x = stage.run(x, levels[number].grid, cuts[number], kept[number], self.checkpointing)
            found.append(x)
        return found

    def _decode(self, stages: list[Tensor], levels: list[Level], cuts: list[list[Patches]]) -> Tensor:
        """Return (V, D) of the finest voxels."""
        numbers = list(reversed(range(len(self.dec))))
        parts = [self.dec[f"dec{number}"] for number in numbers]
        # The deepest block leaves out the most, the last one nothing.
        kept = self._kept(parts, [levels[number] for number in numbers], stages[0], self.dec.training, backwards=True)
        x = stages[-1]
        for number, stage, factors in zip(numbers, parts, kept):
            assert isinstance(stage, Stage) and stage.up is not None
            x = stage.up(x, stages[number], levels[number].parent)
            x = stage.run(x, levels[number].grid, cuts[number], factors, self.checkpointing)
        return x

    def _kept(
        self,
        stages: Sequence[nn.Module],
        levels: Sequence[Level],
        like: Tensor,
        training: bool,
        backwards: bool = False,
    ) -> list[list[Tensor | None]]:
        """Return for each block of each stage the factors of its branches."""
        counts = [len(stage.blocks()) for stage in stages if isinstance(stage, Stage)]
        if not (training and self.drop_path):
            return [[None] * count for count in counts]
        rows = [len(level.coord) for level, count in zip(levels, counts) for _ in range(count)]
        leave_out = rates(sum(counts), self.drop_path)
        drawn = draw_kept(rows, leave_out[::-1] if backwards else leave_out, like)
        starts = [sum(counts[:number]) for number in range(len(counts))]
        return [drawn[start : start + count] for start, count in zip(starts, counts)]


def _gathered(stages: list[Tensor], levels: list[Level]) -> Tensor:
    """Return (V, sum of channels): what each voxel's cells have at all resolutions."""
    x = stages[-1]
    for features, level in reversed(list(zip(stages[:-1], levels))):
        x = torch.cat([features, x.index_select(0, level.parent)], dim=1)
    return x


def _draw_orders(stages: int, seed: int) -> list[list[int]]:
    """Return for each stage the order in which its blocks follow the four curves."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("cpu"):
        return [torch.randperm(len(ORDERS), generator=generator).tolist() for _ in range(stages)]


def _check_plan(name: str, values: Sequence[int], count: int | None, least: int) -> None:
    """Check numbers of stages; of ``count`` ones, or any number of them."""
    listed = isinstance(values, Sequence) and not isinstance(values, str) and len(values) > 0
    if not listed or count not in (None, len(values)):
        raise OptionError(f"{name}={values}: give one number for each stage" + (f", {count}" if count else ""))
    for value in values:
        check_whole(name, value, least=least)
        if least == WIDTH and value % WIDTH:
            raise OptionError(f"{name}={list(values)}: multiples of {WIDTH}, the channels of a head, are asked for")
    if least == 1 and sum(values) > DEEPEST:
        raise OptionError(f"{name} asks for {sum(values)} blocks: at most {DEEPEST}")
