"""From measured networks and counted contacts to what the page and the json say.

Shapes: K classes of the label set, S of them with points in the split.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointnc.analysis.adjacency import association
from pointnc.analysis.diagnosis import diagnose
from pointnc.analysis.pairs import bins, closest, confused, contact_order, context
from pointnc.analysis.subject import Subject
from pointnc.analysis.trend import trend
from pointnc.collapse.measures import cosine_matrix, cosines
from pointnc.errors import UserError
from pointnc.reporting.analysis import Analysis, Network
from pointnc.reporting.plots import by_frequency
from pointnc.scoring.tables import score


def analyze(
    subjects: Sequence[Subject],
    adjacency: NDArray[np.int64],
    train_histogram: NDArray[np.int64],
    *,
    title: str,
    summary: dict[str, str],
    permutations: int = 9999,
    pairs: int = 25,
) -> Analysis:
    """Compare geometry, contact, confusion and frequency.

    Args:
        subjects: one to three networks, measured over the same split.
        adjacency: (K, K) counts of neighboring voxels.
        train_histogram: (K,) training points.
        title: of the page.
        summary: what was measured, in rows.
        permutations: of the test of Mantel.
        pairs: how many of the closest pairs are listed.

    Raises:
        UserError: fewer than two classes have points.
    """
    taxonomy = subjects[0].source.trained.taxonomy
    seen = np.all([_seen(subject) for subject in subjects], axis=0)
    if seen.sum() < 2:
        raise UserError(
            f"{int(seen.sum())} classes have points in this split: angles need two at least", code="no-labels"
        )
    classes = np.array([k for k in by_frequency(train_histogram) if seen[k]])
    contact = association(adjacency)[np.ix_(classes, classes)]
    centers = [_center_cosine(subject, classes) for subject in subjects]
    networks = []
    for number, subject in enumerate(subjects):
        others = centers[:number] + centers[number + 1 :]
        networks.append(
            _network(subject, classes, contact, centers[number], others, train_histogram, permutations, pairs)
        )
    return Analysis(
        title=title,
        summary=summary,
        taxonomy=taxonomy,
        train_histogram=train_histogram,
        classes=classes,
        by_contact=contact_order(contact),
        contact=contact,
        networks=networks,
        without_points=[taxonomy.names[k] for k in np.flatnonzero(~seen)],
    )


def _seen(subject: Subject) -> NDArray[np.bool_]:
    assert subject.meter.scatter is not None  # a split has at least one scene
    return subject.meter.scatter.seen.cpu().numpy()


def _center_cosine(subject: Subject, classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the (S, S) cosines of the centers of ``classes``, from the mean of all centers of the network."""
    scatter = subject.meter.scatter
    assert scatter is not None
    full = np.full((len(scatter.seen), len(scatter.seen)), np.nan)
    own = np.flatnonzero(scatter.seen.cpu().numpy())
    full[np.ix_(own, own)] = cosine_matrix(scatter.means, scatter.seen).cpu().numpy()
    return full[np.ix_(classes, classes)]


def _network(
    subject: Subject,
    classes: NDArray[np.int64],
    contact: NDArray[np.float64],
    cosine: NDArray[np.float64],
    others: Sequence[NDArray[np.float64]],
    train_histogram: NDArray[np.int64],
    permutations: int,
    pairs: int,
) -> Network:
    source = subject.source
    scores = score(subject.confusion, source.trained.taxonomy)
    classifier = None
    if subject.classifier is not None:
        classifier = cosines(subject.classifier).cpu().numpy()[np.ix_(classes, classes)]
    confusion = confused(subject.confusion)[np.ix_(classes, classes)]
    line = trend(train_histogram, scores.iou)
    return Network(
        label=source.label,
        path=str(source.trained.path),
        scores={key: value for key, value in scores.to_dict().items() if key not in ("per_class", "convention")},
        iou=scores.iou,
        measures=subject.meter.compute(source.trained.model),
        history=source.history,
        center_cosine=cosine,
        classifier_cosine=classifier,
        context=context(contact, cosine, confusion, permutations),
        bins=bins(contact, cosine),
        pairs=closest(classes, cosine, classifier, contact, confusion, others, pairs),
        trend=None if line is None else (line.intercept, line.slope, line.correlation),
        diagnosis=diagnose(subject),
    )
