"""From measured networks and counted contacts to what the page and the json say.

Legend: K classes of the label set, S of them with points in the split.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointnc.analysis.adjacency import association
from pointnc.analysis.correlation import mantel, spearman
from pointnc.analysis.subject import Subject
from pointnc.analysis.trend import trend
from pointnc.collapse.measures import cosine_matrix, cosines
from pointnc.errors import UserError
from pointnc.scoring.tables import score
from pointnc.views.analysis import Analysis, ClosePair, Network
from pointnc.views.analysis_figures import Bin
from pointnc.views.plots import by_frequency

QUANTILES = 5
"""Into so many equal parts the pairs of classes that touch are divided."""


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
        subjects: one or two networks, measured over the same split.
        adjacency: (K, K) counts of neighbouring voxels.
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
        raise UserError(f"{int(seen.sum())} classes have points in this split: angles need two at least")
    classes = np.array([k for k in by_frequency(train_histogram) if seen[k]])
    contact = association(adjacency)[np.ix_(classes, classes)]
    centers = [_center_cosine(subject, classes) for subject in subjects]
    networks = []
    for number, subject in enumerate(subjects):
        other = centers[1 - number] if len(subjects) == 2 else None
        networks.append(
            _network(subject, classes, contact, centers[number], other, train_histogram, permutations, pairs)
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
    """Return the (S, S) cosines of the centres of ``classes``, from the mean of all centres of the network."""
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
    other: NDArray[np.float64] | None,
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
        pairs=closest(classes, cosine, classifier, contact, confusion, other, pairs),
        trend=None if line is None else (line.intercept, line.slope, line.correlation),
    )


def confused(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (K, K) percent of each true class's points that are given each label, 0 for a class without points."""
    truth = confusion.sum(axis=1, keepdims=True)
    return 100 * confusion[:, : len(confusion)] / np.maximum(truth, 1)


def context(
    contact: NDArray[np.float64], cosine: NDArray[np.float64], confusion: NDArray[np.float64], permutations: int
) -> dict[str, float | None]:
    """Return the rank correlations of contact and cosine, and of cosine and mutual confusion, over pairs of classes.

    The p-value is Mantel's; "touching" pairs are those with any contact. They form no full matrix whose classes could
    be permuted, so they get a correlation alone.
    """
    upper = np.triu_indices(len(contact), 1)
    test = mantel(contact, cosine, permutations)
    near, angle = contact[upper], cosine[upper]
    touching = near > 0
    mutual = ((confusion + confusion.T) / 2)[upper]
    values: dict[str, float] = {
        "correlation": test.correlation,
        "p_value": test.p_value,
        "pairs": float(test.pairs),
        "touching_correlation": spearman(near[touching], angle[touching]),
        "touching_pairs": float(touching.sum()),
        "confusion_correlation": spearman(angle, mutual),
    }
    return {name: _none(value) for name, value in values.items()}


def bins(contact: NDArray[np.float64], cosine: NDArray[np.float64]) -> list[Bin]:
    """Return the cosines of the pairs that never touch, and of equal parts of those that do, by rising contact."""
    upper = np.triu_indices(len(contact), 1)
    near, angle = contact[upper], cosine[upper]
    order = np.argsort(near, kind="stable")
    apart = int((near == 0).sum())
    parts = [("never", order[:apart])]
    for number, part in enumerate(np.array_split(order[apart:], QUANTILES)):
        name = {0: "least", QUANTILES - 1: "most"}.get(number, f"{number + 1} of {QUANTILES}")
        parts.append((name, part))
    found = []
    for name, part in parts:
        if len(part):
            low, middle, high = (float(value) for value in np.percentile(angle[part], [25, 50, 75]))
            found.append(Bin(name, low, middle, high, len(part)))
    return found


def closest(
    classes: NDArray[np.int64],
    cosine: NDArray[np.float64],
    classifier: NDArray[np.float64] | None,
    contact: NDArray[np.float64],
    confusion: NDArray[np.float64],
    other: NDArray[np.float64] | None,
    count: int,
) -> list[ClosePair]:
    """Return the ``count`` pairs of classes with the highest cosine above 0, the highest first.

    Args:
        classes: (S,) the class of each row, the commonest first.
        cosine: (S, S) of the centres.
        classifier: (S, S) of the classifier vectors, or None.
        contact: (S, S).
        confusion: (S, S) percent; row: truth.
        other: (S, S) cosines in another network, or None.
        count: how many.
    """
    first, second = np.triu_indices(len(classes), 1)
    best = np.argsort(-cosine[first, second], kind="stable")[:count]
    return [
        ClosePair(
            first=int(classes[a]),
            second=int(classes[b]),
            cosine=float(cosine[a, b]),
            classifier_cosine=None if classifier is None else float(classifier[a, b]),
            contact=float(contact[a, b]),
            first_as_second=float(confusion[a, b]),
            second_as_first=float(confusion[b, a]),
            other_cosine=None if other is None else float(other[a, b]),
        )
        for a, b in zip(first[best], second[best])
        if cosine[a, b] > 0
    ]


def contact_order(contact: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return an order of the S classes in which those that touch stand together: by the Fiedler vector of the contacts.

    Classes without any contact come last.
    """
    contact = contact * (1 - np.eye(len(contact)))
    degree = contact.sum(axis=1)
    linked = np.flatnonzero(degree > 0)
    alone = np.flatnonzero(degree == 0)
    if len(linked) < 3:
        return np.concatenate([linked, alone])
    root = 1 / np.sqrt(degree[linked])
    laplacian = np.eye(len(linked)) - contact[np.ix_(linked, linked)] * root[:, None] * root
    _, vectors = np.linalg.eigh(laplacian)
    place = vectors[:, 1] * root
    return np.concatenate([linked[np.argsort(place, kind="stable")], alone])


def to_json(analysis: Analysis, adjacency: NDArray[np.int64]) -> dict[str, Any]:
    """Return all that was found in plain types; what is not defined is None.

    Args:
        analysis: the findings.
        adjacency: (K, K) counts of neighbouring voxels.
    """
    names = analysis.taxonomy.names
    classes = analysis.classes
    return {
        "summary": dict(analysis.summary),
        "classes": [names[k] for k in classes],
        "classes_without_points": list(analysis.without_points),
        "train_points": [int(analysis.train_histogram[k]) for k in classes],
        "contact_counts": adjacency[np.ix_(classes, classes)].tolist(),
        "contact": _matrix(analysis.contact),
        "networks": [
            {
                "label": network.label,
                "checkpoint": network.path,
                "scores": dict(network.scores),
                "iou": {names[k]: _none(float(network.iou[k])) for k in range(len(names))},
                "collapse": {group: dict(values) for group, values in network.measures.items()},
                "context": dict(network.context),
                "cosine_by_contact": [vars(entry) for entry in network.bins],
                "trend": None
                if network.trend is None
                else dict(zip(("intercept", "slope", "correlation"), map(_none, network.trend))),
                "closest_pairs": [
                    {**vars(pair), "first": names[pair.first], "second": names[pair.second]} for pair in network.pairs
                ],
                "center_cosine": _matrix(network.center_cosine),
                "classifier_cosine": None if network.classifier_cosine is None else _matrix(network.classifier_cosine),
                "curves": {name: [list(pair) for pair in curve] for name, curve in network.history.items()},
            }
            for network in analysis.networks
        ],
    }


def _none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _matrix(values: NDArray[np.float64]) -> list[list[float]]:
    return np.round(values, 5).tolist()
