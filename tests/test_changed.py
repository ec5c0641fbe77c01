"""Which tests ``make check-fast`` runs."""

from __future__ import annotations

from tests.changed import ALWAYS, concerned


def test_a_changed_test_and_those_that_mention_a_changed_module_are_run() -> None:
    chosen = concerned(["data_prep/custom/labels.py", "tests/losses/test_imbalance.py"])
    assert {"tests/losses/test_imbalance.py", "tests/data_prep/test_labels.py", ALWAYS} <= set(chosen)
    assert not any(path.startswith(("tests/models", "tests/training")) for path in chosen)


def test_a_module_that_no_test_mentions_brings_the_folder_of_its_room() -> None:
    chosen = concerned(["pointnc/clouds/las.py"])
    assert "tests/clouds/test_formats.py" in chosen
    assert all(path == ALWAYS or path.startswith("tests/clouds/") for path in chosen)


def test_commands_pages_and_packages_are_mentioned_too() -> None:
    assert "tests/prediction/test_predict_command.py" in concerned(["pointnc/predict.py"])
    assert "tests/clouds/test_formats_page.py" in concerned(["docs/formats.md"])
    assert "tests/collapse/test_regularizer.py" in concerned(["pointnc/collapse/__init__.py"])
    assert "tests/training/test_dry_run.py" in concerned(["conf/loss/focal.yaml"])
    assert concerned([]) == []
