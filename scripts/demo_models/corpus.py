"""Everything that a model reads, as conversations of turns; the same for the same Python and the same seed."""

import random

from demo_models.docstrings import Pair, docstring_pairs
from demo_models.recipe import Recipe
from demo_models.stories import story_pairs
from demo_models.talk import talk_pairs

SEED = 20


def pairs(recipe: Recipe) -> list[Pair]:
    """Return the questions and answers for *recipe*."""
    rng = random.Random(SEED)
    docs = docstring_pairs(rng) if recipe.docs else ()
    return [*talk_pairs(rng, recipe.title), *story_pairs(rng), *docs]
