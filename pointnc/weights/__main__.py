"""``python -m pointnc.weights``: list, describe, import, export and exchange weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting
from pointnc.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

VERBS = ("list", "show", "push", "pull")
FORMATS = ("auto", "safetensors", "onnx")


@dataclass
class Weights:
    """Weights in and out.

    python -m pointnc.weights list [FOLDER]             weights below a folder (default: here) and in the hub's cache
    python -m pointnc.weights show PATH                 the card of a .safetensors file, bundle or pulled owner/name
    python -m pointnc.weights import=FILE out=OUT       converts one of MinkowskiEngine, Pointcept, Volt or Sonata
    python -m pointnc.weights export=RUN out=OUT        publishes a run of pointnc
    python -m pointnc.weights push BUNDLE repo=OWNER/NAME
    python -m pointnc.weights pull OWNER/NAME
    OUT is FILE.safetensors or a folder. Use it by weights=OUT (train) and checkpoint=OUT (evaluate, submit).
    export=RUN out=FILE.onnx writes a Volt as ONNX. U-Nets are not supported there: ONNX has no sparse convolution.
    """

    action: str | None = setting(None, "list | show | push | pull: the first word of the command line")
    path: str | None = setting(None, "the word behind it")
    import_: str | None = setting(
        None,
        "a file of MinkowskiEngine (Res16UNet), Pointcept (SpUNet), Volt or Sonata: .pth, .pt, .ckpt, .safetensors",
    )
    export: str | None = setting(None, "a run folder or checkpoint of pointnc; as ONNX weights too")
    out: str | None = setting(
        None, "what to write: FILE.safetensors, or a folder (a bundle: weights, README, taxonomy, configuration)"
    )
    format: str = setting(
        "auto",
        "of an export: auto (by the ending of out) | safetensors | onnx (Volt alone; needs pointnc[onnx])",
        choices=FORMATS,
    )
    overwrite: bool = setting(False, "replace what stands at out")
    license: str | None = setting("unknown", "under which the weights may be used, for example cc-by-4.0")
    source: str = setting("auto", "(import) auto | minkowski | pointcept | volt | sonata")
    kernel_order: str = setting(
        "auto",
        "(import) of MinkowskiEngine: cube (0.5: LGround) | hybrid (0.4: CSC, SpatioTemporalSegmentation) | "
        "hybrid_product (the same over 0.3.1 or older); auto: cube, or asked for",
    )
    head: str = setting(
        "auto",
        "(import) auto | classifier | features: what the last layer gives; of several heads the name of one, such as "
        "ScanNet200",
    )
    taxonomy: str = setting(
        "auto", "(import) auto (by the number of outputs) | scannet200 | scannet20 | FILE.yaml | none"
    )
    features: Any = setting(
        None,
        "(import) input channels in order, for example [color,normal]; colors: color (-1 to 1), color_unit (0 to 1), "
        "color_half (-0.5 to 0.5); null: as that code base feeds its ScanNet networks",
    )
    voxel_size: float | None = setting(None, "(import) meters; null: 0.02")
    allow_pickle: bool = setting(
        False, "(import) true reads files that can run any code on your machine: only if you trust who made them"
    )
    repo: str | None = setting(None, "(push) owner/name; the hub needs pip install 'pointnc[hub]'")
    noncommercial: bool = setting(
        False, "(push) true: publish weights whose license allows no commercial use, at your word that it may be"
    )
    hub: str | None = setting(None, "(push, pull) a folder that stands in for the Hugging Face hub")


@entry(Weights, "pointnc.weights", verbs=VERBS)
def main(config: DictConfig) -> None:
    """Do the one thing that the command line asks for."""
    asked = [name for name in ("action", "import_", "export") if config[name] is not None]
    if len(asked) != 1:
        raise UserError(
            "give one of: list, show PATH, push BUNDLE, pull OWNER/NAME, import=FILE, export=RUN",
            code="missing-setting",
        )
    if asked == ["action"]:
        if config.action not in VERBS:
            raise UserError(f"unknown action {config.action!r}; choose {', '.join(VERBS)}", code="unknown-name")
        if config.action != "list" and config.path is None:
            raise UserError(f"{config.action} what? Give a path behind it", code="missing-setting")
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
        raise UserError(
            f"{what.strip('_')}={config[what]} goes where? Give out=FILE.safetensors or out=FOLDER",
            code="missing-setting",
        )
    source, out = Path(config[what]), Path(config.out)
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
        raise UserError(
            "format=onnx is for export=; import the file first, then export=OUT format=onnx",
            code="conflicting-settings",
        )
    print(f"written: {out}\n{export_onnx(source, out, config.overwrite)}")


def _push(config: DictConfig) -> None:
    from pointnc.weights import hub
    from pointnc.weights.card import is_noncommercial
    from pointnc.weights.published import read_card, weights_file

    if config.repo is None:
        raise UserError("push where? Give repo=OWNER/NAME", code="missing-setting")
    license_of_weights = read_card(weights_file(Path(config.path))).license
    if is_noncommercial(license_of_weights) and config.noncommercial is not True:
        raise UserError(
            f"{config.path} is under {license_of_weights}: it is published only at your word that this license "
            "lets you, noncommercial=true",
            code="license",
        )
    print(f"pushed: {hub.push(Path(config.path), config.repo, config.hub)}")


def _pull(config: DictConfig) -> None:
    from pointnc.weights import hub

    print(f"pulled: {hub.pull(config.path, config.hub)}")


if __name__ == "__main__":
    main()
