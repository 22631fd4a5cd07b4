"""How assessments compare with labels, as tables in Markdown."""

from collections import Counter

from complexity.prompts import Labelled
from hostd.domain.model_choice import HARDEST, TaskType
from hostd.routing.complexity_model import ComplexityModel

_BANDS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, HARDEST))


def report(name: str, model: ComplexityModel, examples: list[Labelled]) -> str:
    """Return the confusion tables of *model* on *examples*: rows are labels, columns assessments."""
    assessed = [(each.task, each.level, model.assess(each.text)) for each in examples]
    types = Counter((task, each.task) for task, _, each in assessed)
    bands = Counter((_band(level), _band(each.level)) for _, level, each in assessed)
    off = [abs(level - each.score) for _, level, each in assessed]
    right = sum(count for (label, said), count in types.items() if label is said)
    near = sum(each <= 1.5 for each in off)
    summary = (
        f"**{len(examples)} prompts, {name}**: type right for {right / len(assessed):.0%}; complexity "
        f"{sum(off) / len(off):.2f} off on average, by at most one and a half for {near / len(off):.0%}"
    )
    return "\n".join(
        [
            summary,
            "",
            *_table("type", [*TaskType], [each.value for each in TaskType], types),
            "",
            *_table("complexity", [*range(len(_BANDS))], [f"{low} or {high}" for low, high in _BANDS], bands),
        ]
    )


def _table(title: str, keys: list, names: list[str], counts: Counter) -> list[str]:
    rows = [[str(counts[label, said]) for said in keys] for label in keys]
    return [
        f"| {title} | " + " | ".join(f"assessed {name}" for name in names) + " |",
        "|---" * (len(keys) + 1) + "|",
        *(f"| {name} | " + " | ".join(row) + " |" for name, row in zip(names, rows, strict=True)),
    ]


def _band(level: int) -> int:
    return (level - 1) // 2
