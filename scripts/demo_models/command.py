"""The command line of scripts/make-demo-models."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from demo_models.recipe import RECIPES, Recipe

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "demo-models"
SHIPPED = ROOT / "hostd" / "demo" / "models"
INSTALL = "Install what it needs with: pip install --group models (in an environment of its own: PyTorch is large)."


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except ModuleNotFoundError as error:
        print(f"The module {error.name} is missing. {INSTALL}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make-demo-models", description="Make the models that hostd ships.")
    parser.set_defaults(run=_make)
    _make_options(parser)
    commands = parser.add_subparsers(metavar="inflate | random")
    larger = commands.add_parser("inflate", help="write a model larger, with the same text")
    larger.set_defaults(run=_inflate)
    larger.add_argument("source", type=Path, help="a q8_0 GGUF of the llama architecture")
    larger.add_argument("target", type=Path)
    larger.add_argument("--times", type=int, default=4, help="width and heads, multiplied (default 4)")
    noise = commands.add_parser("random", help="write a model with random weights")
    noise.set_defaults(run=_random)
    noise.add_argument("target", type=Path)
    noise.add_argument("--shape", default="tiny", choices=("tiny", "small", "1b", "3b"))
    noise.add_argument("--seed", type=int, default=0)
    for name in ("dim", "heads", "kv-heads", "vocabulary"):
        noise.add_argument(f"--{name}", type=int)
    for command in (larger, noise):
        for name in ("layers", "ffn", "context"):
            command.add_argument(f"--{name}", type=int)
    return parser


def _make_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", choices=RECIPES, help="make one model, not all")
    parser.add_argument("--minutes", type=float, help="training time for each (default: 7 and 4)")
    parser.add_argument(
        "--threads", type=int, default=2, help="cores for training (default 2; 1 is faster on a busy machine)"
    )
    parser.add_argument("--convert-only", action="store_true", help="take the trained folders that the cache has")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"trained folders (default {CACHE})")
    parser.add_argument("--out", type=Path, default=SHIPPED, help=f"GGUF files (default {SHIPPED})")


def _make(options: argparse.Namespace) -> None:
    from demo_models.gguf_file import convert  # noqa: PLC0415  # large, and only this command needs it

    options.out.mkdir(parents=True, exist_ok=True)
    for recipe in RECIPES.values():
        if options.only in (None, recipe.name):
            trained = options.cache / recipe.name
            if not options.convert_only:
                _train(recipe, trained, options)
            target = options.out / f"{recipe.name}.gguf"
            convert(trained, target, recipe.name)
            print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")


def _train(recipe: Recipe, trained: Path, options: argparse.Namespace) -> None:
    from demo_models.training import train  # noqa: PLC0415  # large, and only this command needs it

    train(recipe, trained, options.minutes or recipe.minutes, options.threads)


def _inflate(options: argparse.Namespace) -> None:
    from demo_models.inflate import Growth, inflate  # noqa: PLC0415  # large, and only this command needs it

    inflate(options.source, options.target, Growth(options.times, options.layers, options.ffn, options.context))
    print(f"{options.target}: {options.target.stat().st_size / 1e6:.2f} MB")


def _random(options: argparse.Namespace) -> None:
    from demo_models.random_model import SHAPES, write_random  # noqa: PLC0415  # large, and only this command needs it

    names = ("dim", "layers", "heads", "kv_heads", "ffn", "vocabulary", "context")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    write_random(options.target, replace(SHAPES[options.shape], **given), options.seed)
    print(f"{options.target}: {options.target.stat().st_size / 1e6:.2f} MB")
