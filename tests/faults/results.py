"""What became of each scenario, for the table at the end of a run."""

from dataclasses import dataclass, field

from tests.faults.catalogue import Scenario
from tests.faults.provoked import Observed


@dataclass
class Results:
    """Rows of a table: a scenario, and for each mode what was seen and whether it passed."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    def note(self, scenario: Scenario, mode: str, seen: Observed) -> None:
        """Keep what was *seen*; it failed until it has `passed`."""
        answer = seen.answer
        route = answer.headers.get("x-hostd-route", "")
        how = seen.ending if answer.status == 200 else f"error {answer.status}"
        self.say(
            scenario.name, scenario.title, mode, f"FAILED {how}, {route}, {len(seen.asked)} tries, {seen.seconds:.1f} s"
        )

    def say(self, name: str, title: str, mode: str, text: str) -> None:
        """Keep a line of *text*."""
        self.titles[name] = title
        self.rows.setdefault(name, {})[mode] = text

    def passed(self, scenario: Scenario, mode: str) -> None:
        """Note that a scenario passed."""
        self.rows[scenario.name][mode] = self.rows[scenario.name][mode].replace("FAILED", "ok    ")

    def table(self) -> list[str]:
        """Return the table's lines."""
        return [
            f"{name} {self.titles[name]:<46} {mode:<9} {text}"
            for name, modes in sorted(self.rows.items())
            for mode, text in modes.items()
        ]


RESULTS = Results()
