"""The weights that assess prompts, read from the package when the first prompt is to be assessed."""

from functools import cache
from importlib.resources import files

from hostd.routing.complexity_model import Assessment, ComplexityModel


def assess(said: str) -> Assessment:
    """Return the complexity and the type of task of what a user *said*."""
    return _model().assess(said)


@cache
def _model() -> ComplexityModel:
    return ComplexityModel.read(files("hostd.routing").joinpath("complexity.weights").read_bytes())
