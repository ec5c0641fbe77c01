"""``python -m pointnc.weights``: list, describe, import, export and exchange weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pointnc.entry import entry
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

VERBS = ("list", "show", "push", "pull")
FORMATS = ("auto", "safetensors", "onnx")


@entry("tools/weights", VERBS)
def main(config: DictConfig) -> None:
    """Do the one thing that the command line asks for."""
    asked = [name for name in ("action", "import", "export") if config[name] is not None]
    if len(asked) != 1:
        raise UserError("give one of: list, show PATH, push BUNDLE, pull OWNER/NAME, import=FILE, export=RUN")
    if asked == ["action"]:
        if config.action not in VERBS:
            raise UserError(f"unknown action {config.action!r}; choose {', '.join(VERBS)}")
        if config.action != "list" and config.path is None:
            raise UserError(f"{config.action} what? Give a path behind it")
        {"list": _list, "show": _show, "push": _push, "pull": _pull}[config.action](config)
    else:
        _convert(config, asked[0])


def _list(config: DictConfig) -> None:
    from rich.console import Console

    from pointnc.weights.listing import find_weights, weights_table

    Console().print(weights_table(find_weights(Path(config.path or "."))))


def _show(config: DictConfig) -> None:
    from pointnc.weights.listing import describe

    print(describe(config.path))


def _convert(config: DictConfig, what: str) -> None:
    from pointnc.weights.exporting import export_run
    from pointnc.weights.importing import ImportOptions, import_file
    from pointnc.weights.listing import describe

    if config.out is None:
        raise UserError(f"{what}={config[what]} goes where? Give out=FILE.safetensors or out=FOLDER")
    source, out = Path(config[what]), Path(config.out)
    if config.format not in FORMATS:
        raise UserError(f"format={config.format}: choose {', '.join(FORMATS)}")
    if config.format == "onnx" or (config.format == "auto" and out.suffix == ".onnx"):
        _export_onnx(config, what, source, out)
        return
    if what == "export":
        export_run(source, out, config.license, config.overwrite)
    else:
        fields = ImportOptions.__dataclass_fields__
        import_file(source, out, ImportOptions(**{name: config[name] for name in fields}))
    print(f"written: {out}\n{describe(out)}")


def _export_onnx(config: DictConfig, what: str, source: Path, out: Path) -> None:
    from pointnc.weights.onnx.exporting import export_onnx

    if what != "export":
        raise UserError("format=onnx is for export=; import the file first, then export=OUT format=onnx")
    print(f"written: {out}\n{export_onnx(source, out, config.overwrite)}")


def _push(config: DictConfig) -> None:
    from pointnc.weights import hub
    from pointnc.weights.card import is_noncommercial
    from pointnc.weights.published import read_card, weights_file

    if config.repo is None:
        raise UserError("push where? Give repo=OWNER/NAME")
    license_of_weights = read_card(weights_file(Path(config.path))).license
    if is_noncommercial(license_of_weights) and config.noncommercial is not True:
        raise UserError(
            f"{config.path} is under {license_of_weights}: it is published only at your word that this license "
            "lets you, noncommercial=true"
        )
    print(f"pushed: {hub.push(Path(config.path), config.repo, config.hub)}")


def _pull(config: DictConfig) -> None:
    from pointnc.weights import hub

    print(f"pulled: {hub.pull(config.path, config.hub)}")


if __name__ == "__main__":
    main()
