"""What the tests of all kinds of private data have in common."""

from hostd.domain.private_data import DataKind, PrivacySettings, ScanAction
from hostd.privacy.scanner import Scanner

SCANNER = Scanner(PrivacySettings(ScanAction.MASK, words=("Project Falcon", "Ängström")))


def found_everywhere(text: str) -> set[DataKind | None]:
    """Return as what *text* is found, wherever in another text it stands; None where it is not found as it is written."""
    return {
        SCANNER.values_in(written).get(text) for written in (f"see {text}, please", text, f"({text})", f"x\n{text}")
    }
