"""Volt: a plain transformer on cells of 5³ voxels (Kadir et al., Volume Transformer, ECCV 2026, arXiv 2604.19609).

No convolution, no compiled package, nothing random in evaluation: it runs wherever torch runs. Names of modules are
those of the authors' checkpoints. Shapes: V voxels, F input channels, T tokens, C channels, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointnc.checks import OptionError, check_number, check_switch, check_whole
from pointnc.models.attention import WIDTH, Attention, turns
from pointnc.models.blocks import BatchNorm, Norm
from pointnc.models.inputs import check_channels
from pointnc.models.memory import check_memory
from pointnc.models.neck import Neck
from pointnc.models.recomputing import called, recomputed
from pointnc.models.stochastic_depth import draw_kept, rates
from pointnc.models.tokens import PLACES, Tokens
from pointnc.sparse.grid import Grid, SparseTensor

NORM = Norm(momentum=0.01, eps=1e-3)
DEEPEST = 1000


class Volt(nn.Module):
    """Transformer over the occupied cells of a scene, each attending to all of its sample.

    Time grows with the square of the tokens, memory with their number.

    Args:
        in_channels: channels F of the input features.
        channels: C, a multiple of 64; a head has 64 of them.
        depth: blocks.
        out_channels: D, channels of the features.
        drop_path: how likely the last block leaves out a token's branch in training; earlier ones proportionally less.
        neck: None, or the channels of a :class:`~pointnc.models.neck.Neck` behind all this: the features then.
        checkpointing: whether training keeps only what goes into each block, and computes all of its inside again in
            the backward pass: half the memory for nearly a third more time.

    Attributes:
        engine: who computes, for whoever asks: plain torch.
        in_channels: F.
        out_channels: D, the channels of the output.

    Raises:
        UserError: an argument is out of range.
    """

    engine = "torch"

    def __init__(
        self,
        in_channels: int,
        channels: int,
        depth: int,
        out_channels: int,
        drop_path: float = 0.3,
        neck: int | None = None,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        check_whole("channels", channels, least=WIDTH)
        check_whole("depth", depth, least=1)
        check_whole("out_channels", out_channels, least=1)
        check_number("drop_path", drop_path, least=0, below=1)
        check_whole("neck", neck, least=1, optional=True)
        check_switch("checkpointing", checkpointing)
        if channels % WIDTH:
            raise OptionError(f"channels={channels} must be a multiple of {WIDTH}, the channels of a head")
        if depth > DEEPEST:
            raise OptionError(f"depth asks for {depth} blocks: at most {DEEPEST}")
        self.in_channels, self.channels, self.drop_path = in_channels, channels, drop_path
        self.checkpointing = checkpointing
        self.tokenizer = Tokenizer(in_channels, channels)
        self.blocks = nn.ModuleList(Block(channels) for _ in range(depth))
        self.decoder = Decoder(channels, out_channels)
        self.out_channels = out_channels
        self.neck: nn.Module = nn.Identity()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if neck is not None:
            self.neck = Neck(out_channels, neck, NORM)
            self.out_channels = neck

    def forward(self, coord: Tensor, features: Tensor, batch_size: int) -> Tensor:
        """Compute a feature vector for every voxel, see :class:`pointnc.models.segmentor.Backbone`.

        Raises:
            UserError: F is not the number of channels that the network was built for, or there are more tokens than
                memory serves.
        """
        check_channels(features, self.in_channels)
        tokens = Tokens.of(coord, batch_size, features.device)
        check_memory(len(tokens), len(coord), self, features.device)
        by = turns(tokens.cell, torch.promote_types(features.dtype, torch.float32))
        x = self.tokenizer(features, tokens)
        kept: list[Tensor | None] = [None] * len(self.blocks)
        if self.training and self.drop_path:
            kept = draw_kept([len(x)] * len(self.blocks), rates(len(self.blocks), self.drop_path), x)
        whole = self.checkpointing and torch.is_grad_enabled()
        for block, masks in zip(self.blocks, kept):
            x = recomputed(block, x, by, tokens.lengths, masks, False) if whole else block(x, by, tokens.lengths, masks)
        x = self.decoder(x, tokens)
        if isinstance(self.neck, Neck):
            x = self.neck(SparseTensor(x, Grid(coord, (1, 1, 1), batch_size, "torch"))).features
        return x.float()

    def last_map(self) -> Tensor | None:
        """Return (D, C) the matrix of the linear map that the features come out of; None where it is a GELU."""
        return self.neck.project.matrices[0].T.detach() if isinstance(self.neck, Neck) else None


class Tokenizer(nn.Module):
    """A linear map of all that a cell holds, zeros where there is no voxel: place by place, then channel."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Linear(PLACES * in_channels, channels)

    def forward(self, features: Tensor, tokens: Tokens) -> Tensor:
        """Map (V, F) to (T, C)."""
        cells = features.new_zeros(len(tokens) * PLACES, features.shape[1])
        cells = cells.index_copy(0, tokens.token * PLACES + tokens.place, features)
        return self.proj(cells.view(len(tokens), self.proj.in_features))


class Block(nn.Module):
    """Attention and a multilayer perceptron, each behind a norm and beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = Attention(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Perceptron(channels)

    def forward(self, x: Tensor, by: Tensor, lengths: list[int], kept: Tensor | None, thrifty: bool = True) -> Tensor:
        """Map (T, C) to (T, C).

        Args:
            x: (T, C).
            by: see :func:`pointnc.models.attention.turns`.
            lengths: tokens of each sample.
            kept: (2, T, 1) factors of the branches, or None.
            thrifty: whether to keep for the backward pass what attention needs and to compute the cheap rest again: an
                eighth of the memory for a twentieth of the time.
        """
        run = recomputed if thrifty and torch.is_grad_enabled() else called
        query, key, value = run(self._prepare, x, by)
        branch = self.attn.attend(query, key, value, lengths)
        x = x + (branch if kept is None else branch * kept[0])
        branch = run(self._perceive, x)
        return x + (branch if kept is None else branch * kept[1])

    def _prepare(self, x: Tensor, by: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.attn.prepare(self.norm1(x), by)

    def _perceive(self, x: Tensor) -> Tensor:
        return self.mlp(self.norm2(x))


class Perceptron(nn.Module):
    """C to 4 C, GELU, and back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, C) to (T, C)."""
        return self.fc2(self.act(self.fc1(x)))


class Decoder(nn.Module):
    """From tokens to voxels: each voxel has a map of its own place in the cell."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.pre = nn.Sequential(
            BatchNorm(channels, NORM.eps, NORM.momentum),
            nn.GELU(),
            nn.Linear(channels, out_channels, bias=False),
            BatchNorm(out_channels, NORM.eps, NORM.momentum),
            nn.GELU(),
        )
        self.unembed = Unembed(out_channels)
        self.post = nn.Sequential(BatchNorm(out_channels, NORM.eps, NORM.momentum), nn.GELU())

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Map (T, C) to (V, D)."""
        x = self.pre(x)
        run = recomputed if torch.is_grad_enabled() else called
        return self.post(run(self.unembed, x, tokens))


class Unembed(nn.Module):
    """One matrix for each place of a cell, and a bias that they share.

    The products go place by place over the voxels that there are: a whole cell of 125 D numbers never exists.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, PLACES * channels, bias=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Map (T, D) to (V, D)."""
        kind, weight = x.device.type, self.proj.weight
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            # Once here instead of in each of the products.
            weight = weight.to(torch.get_autocast_dtype(kind))
        matrices = weight.view(PLACES, len(self.bias), -1).unbind()
        rows = x.index_select(0, tokens.token.index_select(0, tokens.order)).to(weight.dtype).split(tokens.counts)
        sorted_by_place = torch.cat([piece @ matrix.T for piece, matrix in zip(rows, matrices)])
        back = torch.empty_like(tokens.order)
        back[tokens.order] = torch.arange(len(back), device=back.device)
        return sorted_by_place.index_select(0, back) + self.bias
