"""What each model of a role suffices for, as its owner writes it."""

from typing import Annotated

from pydantic import BeforeValidator

from hostd.config import field_types, validators
from hostd.config.document import Document
from hostd.config.section import Section, key, long_form
from hostd.config.validators import hint, shown
from hostd.config.yaml_positions import YamlMapping, YamlSequence
from hostd.domain.model_choice import ANY_TASK, HARDEST, Stages, TaskType

_whole = validators.whole(0)


def _level(value: object) -> int:
    number = _whole(value)
    if number > HARDEST:
        raise validators.InvalidValue(f"{number} is no complexity; write a number from 1 to {HARDEST}, or 0 for none")
    return number


Level = Annotated[int, field_types.FieldType(_level, {"type": "integer", "minimum": 0, "maximum": HARDEST})]


def _stages(value: object) -> Stages:
    # YAML reads the words on and off as booleans.
    return Stages(validators.one_of(Stages)(("on" if value else "off") if isinstance(value, bool) else value))


StagesSwitch = Annotated[Stages, field_types.FieldType(_stages, {"enum": [*map(str, Stages), True, False]}, str)]


class SufficesSection(Section):
    """Up to which complexity (1 to 10) a model suffices, by type of task; 0: not at all. A number alone is for any type."""

    any: Level | None = key("For all types that are not named; 0 where it is not written.")
    chat: Level | None = key("Talk.")
    knowledge: Level | None = key("Facts and explanations.")
    writing: Level | None = key("New texts.")
    text: Level | None = key("Work on a given text: summaries, translations, corrections, extraction.")
    code: Level | None = key("Programs, and work on them.")
    reasoning: Level | None = key("Mathematics, logic, puzzles.")


def _long(value: object) -> object:
    return value if isinstance(value, YamlMapping) else long_form(value, ANY_TASK, object)


Suffices = Annotated[SufficesSection, BeforeValidator(_long, Level | SufficesSection)]


def complain(host: Document, role: str, value: YamlMapping) -> None:
    """Report what the section `suffices` of a *role* says of models that it does not use, and tasks that no model suffices for."""
    suffices, use = value.get("suffices"), value.get("use")
    for word in ("stages", "minute_usd"):
        if not suffices and value.get(word) is not None:
            message = (
                f"`{word}` of role '{role}' does nothing without `suffices`, which says what its models are enough for"
            )
            host.report(message, value.keys_at[word])
    if not isinstance(suffices, YamlMapping) or not isinstance(use, YamlSequence):
        return
    used = [name for name in use if isinstance(name, str)]
    for name in suffices:
        if name not in used:
            message = f"role '{role}' does not use {shown(name)}; {hint(str(name), sorted(used))}, or add it to `use`"
            host.report(message, suffices.keys_at[name])
    lacking = [str(task) for task in TaskType if not any(_is_enough(suffices.get(name), task) for name in used)]
    if lacking:
        tasks = "any task" if len(lacking) == len(TaskType) else " or ".join(lacking)
        host.report(
            f"no model of role '{role}' suffices for {tasks} of complexity {HARDEST}; leave the ablest out of `suffices`, or "
            f"give it {HARDEST}",
            value.keys_at["suffices"],
        )


def _is_enough(written: object, task: TaskType) -> bool:
    """Return whether a model of which this is *written* suffices for the hardest *task*; what is no level counts."""
    if isinstance(written, YamlMapping):
        written = written.get(task, written.get(ANY_TASK, 0))
    try:
        return written is None or _level(written) == HARDEST
    except validators.InvalidValue:
        # Said where the section is checked.
        return True
