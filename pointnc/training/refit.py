"""A classifier that is fitted once more, when the features are finished.

The loss of the points lets rare classes of the classifier fall behind: their vectors hardly move, and frequent classes
push them wherever few points object. Features suffer less. So the classifier is fitted again to features that stay as
they are: to a sample of each class, all of a rare one, and its bias is set to what the classes' shares ask for. After
Kang et al., "Decoupling representation and classifier for long-tailed recognition" (cRT), ICLR 2020, which draws rare
classes again until all have as many; here the fit knows the shares of its sample instead, and the scenes are those of
the training as validation sees them, without augmentation.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from pointnc.checks import check_number, check_whole
from pointnc.errors import UserError
from pointnc.models.heads import LinearHead
from pointnc.training.reservoir import ClassReservoir

SMALLEST, LARGEST = 64, 4096
"""Voxels a step."""

FEWEST_STEPS = 1000
"""What a fit needs: where ``epochs`` passes come to less, steps take fewer voxels, and then there are more passes."""


class ClassifierRefit:
    """Fits the linear classifier of a trained network again.

    Args:
        samples: voxels of a class that are kept at most; 200 classes of 256 channels take 0.8 GB, and three times
            that while they are drawn.
        tau: the classifier scores as if a class had share^(1 - tau) of the points: 0 for the share that it has in the
            training scenes, 1 for equal shares.
        epochs: passes over the voxels that are kept; more where these are too few for ``FEWEST_STEPS`` steps.
        lr: the highest learning rate, of standardized features.
        weight_decay: of AdamW.

    Raises:
        OptionError: one is out of range.
    """

    def __init__(
        self, samples: int = 4000, tau: float = 0.2, epochs: int = 12, lr: float = 0.01, weight_decay: float = 0.01
    ) -> None:
        check_whole("samples", samples, least=1)
        check_number("tau", tau, least=0)
        check_whole("epochs", epochs, least=1)
        check_number("lr", lr, above=0)
        check_number("weight_decay", weight_decay, least=0)
        self.samples, self.tau, self.epochs, self.lr, self.weight_decay = samples, tau, epochs, lr, weight_decay

    def __call__(self, head: LinearHead, features: Iterable[tuple[Tensor, Tensor]], seed: int = 0) -> None:
        """Change a classifier in place.

        Args:
            head: the classifier.
            features: pairs of (V, D) features and (V,) labels, -1 where there is none, such as those of each scene.
            seed: of which voxels are kept, and of their order.

        Raises:
            UserError: there is no label.
        """
        reservoir = ClassReservoir(len(head.weight), self.samples, seed)
        for rows, labels in features:
            reservoir.add(rows, labels)
        if not reservoir.counts.any():
            raise UserError("refit: no voxel of the training scenes has a label; set refit=none", code="no-labels")
        weight, bias = self.fit(*reservoir.sample(), reservoir.counts, seed)
        with torch.no_grad():
            head.weight.copy_(weight)
            head.bias.copy_(bias)

    def fit(self, rows: Tensor, labels: Tensor, counts: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Return (K, D) weight and (K,) bias of multinomial logistic regression.

        Args:
            rows: (M, D) features, of which some classes may have more than others.
            labels: (M,) their classes.
            counts: (K,) how many of each class there are, of which these are a sample.
            seed: of the order.
        """
        device, classes = rows.device, len(counts)
        mean, deviation = rows.mean(dim=0), rows.std(dim=0, correction=0).clamp_min(1e-6)
        labels = labels.to(device)
        kept = torch.bincount(labels, minlength=classes).cpu()
        # Scores without this are those of classes with share^(1 - tau), whatever the sample holds of each.
        shares = (1 - self.tau) * counts.cpu().clamp_min(1).double().log()
        shift = (kept.clamp_min(1).double().log() - shares).float().to(device)
        weight = torch.zeros(classes, rows.shape[1], device=device, requires_grad=True)
        bias = (-shift).requires_grad_()  # no class is preferred; from 0 a bias would have several nats to go
        batch = min(max(self.epochs * len(rows) // FEWEST_STEPS, SMALLEST), LARGEST)
        a_pass = -(-len(rows) // batch)
        epochs = max(self.epochs, -(-FEWEST_STEPS // a_pass))
        steps = epochs * a_pass
        optimizer = torch.optim.AdamW([weight, bias], lr=self.lr, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.lr, total_steps=steps + 1)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            for index in torch.randperm(len(rows), generator=generator).to(device).split(batch):
                logits = F.linear((rows.index_select(0, index) - mean) / deviation, weight, bias + shift)
                loss = F.cross_entropy(logits, labels.index_select(0, index))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        weight, bias = weight.detach(), bias.detach()
        weight = weight / deviation
        return weight, bias - weight @ mean
