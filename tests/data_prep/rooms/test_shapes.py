"""The solids against their known volumes and extents."""

from __future__ import annotations

import numpy as np
import pytest

from data_prep.rooms.shapes import (
    Mesh,
    box,
    cylinder,
    join,
    lathe,
    loft,
    paint,
    rounded_box,
    sheet,
    superellipsoid,
    tube,
)

RED = (200.0, 10.0, 20.0)
PRISM = 8 * np.sin(np.pi / 8)  # area of a regular 16-gon of radius 1

SOLIDS = {
    "box": box((1, 2, 3), RED, (4, 5, 6)),
    "rounded box": rounded_box((1, 2, 0.5), RED, (1, 1, 1), 0.1),
    "cylinder": cylinder(0.5, 2, RED),
    "cone": cylinder(0.5, 2, RED, top=0.2),
    "vessel": lathe([(0.4, 0), (0.5, 1), (0.45, 1), (0.35, 0.1)], RED),
    "superellipsoid": superellipsoid((1, 2, 3), RED, flat=0.4, profile=0.6),
    "tube": tube([(0, 0, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1.5)], 0.05, RED),
    "sheet": sheet((1, 2), RED, np.full((4, 5), 0.1)),
}


def edges(mesh: Mesh) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for a, b, c in mesh.faces.tolist():
        for edge in ((a, b), (b, c), (c, a)):
            found[edge] = found.get(edge, 0) + 1
    return found


@pytest.mark.parametrize("name", SOLIDS)
def test_solid_is_closed_and_looks_outwards(name: str) -> None:
    mesh = SOLIDS[name]
    found = edges(mesh)
    assert set(found.values()) == {1}
    # On a closed surface with a consistent sense every edge is passed once each way.
    assert all((b, a) in found for a, b in found)
    assert mesh.volume > 0
    assert mesh.color.shape == mesh.faces.shape
    assert mesh.color.dtype == np.uint8
    assert mesh.faces.max() == len(mesh.vertices) - 1


@pytest.mark.parametrize(
    ("mesh", "volume"),
    [
        (box((1, 2, 3), RED), 6.0),
        (cylinder(0.5, 2, RED), PRISM * 0.25 * 2),
        (cylinder(0.5, 2, RED, top=0.2), PRISM * 2 / 3 * (0.25 + 0.1 + 0.04)),
        (sheet((1, 2), RED, np.full((4, 5), 0.1)), 0.2),
        (join(box((1, 1, 1), RED), box((2, 1, 1), RED, (5, 0, 0))), 3.0),
    ],
)
def test_volume_is_that_of_the_formula(mesh: Mesh, volume: float) -> None:
    assert mesh.volume == pytest.approx(volume, rel=1e-9)


@pytest.mark.parametrize("flat", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("form", [0.3, 1.0])
def test_superellipsoid_fills_its_extent(flat: float, form: float) -> None:
    bounds = superellipsoid((1, 2, 3), RED, (4, 5, 6), flat, form).bounds
    np.testing.assert_allclose(bounds, [(3.5, 4, 6), (4.5, 6, 9)])


def test_rounded_box_is_a_box_less_its_edges() -> None:
    made, whole = rounded_box((1, 2, 0.5), RED, (1, 1, 1), 0.1), box((1, 2, 0.5), RED, (1, 1, 1))
    np.testing.assert_allclose(made.bounds, whole.bounds, atol=1e-12)
    assert 0.9 * whole.volume < made.volume < whole.volume


def test_turning_and_moving_keep_the_form() -> None:
    mesh = SOLIDS["vessel"]
    for axis in "xyz":
        assert mesh.turned(0.7, axis).volume == pytest.approx(mesh.volume)
    np.testing.assert_allclose(mesh.moved(1, 2, 3).bounds - mesh.bounds, [(1, 2, 3)] * 2)
    quarter = box((1, 0.1, 0.1), RED, (0.5, 0, 0)).turned(np.pi / 2)
    np.testing.assert_allclose(quarter.bounds[:, 1], (0, 1), atol=1e-12)  # x goes to y


def test_sheet_colors_its_cells_on_the_upper_side() -> None:
    colors = np.arange(18).reshape(2, 3, 3) * 10.0
    mesh = sheet((3, 2), colors, np.ones((3, 4)))
    middle = mesh.vertices[mesh.faces].mean(axis=1)
    normal = np.cross(
        mesh.vertices[mesh.faces[:, 1]] - mesh.vertices[mesh.faces[:, 0]],
        mesh.vertices[mesh.faces[:, 2]] - mesh.vertices[mesh.faces[:, 0]],
    )
    upper = normal[:, 2] > 0.1
    column, row = (middle[upper, 0] + 1.5).astype(int), (middle[upper, 1] + 1).astype(int)
    np.testing.assert_array_equal(mesh.color[upper], colors.astype(np.uint8)[row, column])


def test_loft_and_paint_are_plain() -> None:
    ring = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)], float)
    rings = np.stack([np.column_stack([ring, np.full(4, z)]) for z in (0.0, 1.0)])
    assert loft(rings, RED).volume == pytest.approx(4)
    np.testing.assert_array_equal(paint((300, -5, 7), 2), [(255, 0, 7)] * 2)
