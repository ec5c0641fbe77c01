"""Steps turned into epochs, in the numbers of the data sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from pointnc.errors import UserError
from pointnc.training.length import VALIDATIONS, choose_unit, length_in_words, settle_length


def settled(
    steps: int | None, batches: int, accumulate: int = 1, epochs: int | None = None, every: int | None = None
) -> tuple[int, int]:
    trainer = {"max_epochs": epochs, "check_val_every_n_epoch": every, "accumulate_grad_batches": accumulate}
    config = OmegaConf.create({"steps": steps, "trainer": trainer})
    settle_length(config.trainer, steps, batches)
    return config.trainer.max_epochs, config.trainer.check_val_every_n_epoch


@pytest.mark.parametrize(
    ("scenes", "expected"),
    [(1201, (300, 5)), (204, (1769, 29)), (19130, (19, 1))],
    ids=["scannet", "s3dis", "semantickitti"],
)
def test_sixty_thousand_steps_of_six_scenes(scenes: int, expected: tuple[int, int]) -> None:
    assert settled(60_000, -(-scenes // 6)) == expected


def test_epochs_that_are_given_count() -> None:
    assert settled(60_000, 201, epochs=3) == (3, 1)
    assert settled(None, 201, epochs=120) == (120, 2)


@given(st.integers(1, 10**6), st.integers(1, 5000), st.integers(1, 100))
def test_given_validations_are_spread_over_the_steps(steps: int, batches: int, given_every: int) -> None:
    epochs, every = settled(steps, batches, every=given_every)
    assert epochs % every == 0 and every <= given_every
    assert 0 <= epochs - -(-steps // batches) < epochs // every


@pytest.mark.parametrize(
    ("named", "left"), [(["steps"], None), (["trainer.max_epochs"], 30), ([], 30), (["steps", "trainer.devices"], None)]
)
def test_the_command_line_chooses_between_steps_and_epochs(named: list[str], left: int | None) -> None:
    config = OmegaConf.create({"steps": 1000, "trainer": {"max_epochs": 30}})
    choose_unit(config.trainer, config.steps, named)
    assert config.trainer.max_epochs == left


def test_the_length_is_told_with_the_scenes_of_all_processes() -> None:
    trainer = OmegaConf.create({"max_epochs": 30, "accumulate_grad_batches": 1})
    assert length_in_words(trainer, 20, 2, 1) == "30 epochs of 20 steps, 2 scenes each"
    trainer.accumulate_grad_batches = 3
    assert length_in_words(trainer, 20, 2, 4) == "30 epochs of 7 steps, 24 scenes each (4 processes)"


def test_two_lengths_on_one_command_line_are_refused() -> None:
    config = OmegaConf.create({"steps": 1000, "trainer": {"max_epochs": 30}})
    with pytest.raises(UserError, match="give one"):
        choose_unit(config.trainer, config.steps, ["steps", "trainer.max_epochs"])
    config.trainer.max_epochs = None
    choose_unit(config.trainer, config.steps, ["steps", "trainer.max_epochs"])
    config.steps = None
    choose_unit(config.trainer, config.steps, ["steps", "trainer.max_epochs"])


@given(st.integers(1, 10**6), st.integers(1, 5000), st.integers(1, 8))
def test_never_shorter_and_the_last_epoch_is_validated(steps: int, batches: int, accumulate: int) -> None:
    epochs, every = settled(steps, batches, accumulate)
    in_an_epoch = -(-batches // accumulate)
    assert epochs % every == 0 and epochs * in_an_epoch >= steps
    assert (epochs - every) * in_an_epoch < steps
    assert epochs // every <= 2 * VALIDATIONS
