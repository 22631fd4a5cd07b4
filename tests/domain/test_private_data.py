"""Of several actions the strongest holds, and media are never masked."""

from hostd.domain.private_data import DataKind, PrivacySettings, ScanAction


def test_actions_are_ordered() -> None:
    """From nothing to a refusal."""
    assert sorted(ScanAction, key=lambda each: each.strength) == ["off", "mask", "stay-local", "block"]


def test_a_kind_may_have_an_action_of_its_own() -> None:
    """Without one it has that of all; without any, nothing is looked for."""
    settings = PrivacySettings(ScanAction.MASK, {DataKind.CARD: ScanAction.BLOCK})
    assert settings.scans
    assert settings.action_for(DataKind.CARD) is ScanAction.BLOCK
    assert settings.action_for(DataKind.EMAIL) is ScanAction.MASK
    assert settings.action_for(DataKind.MEDIA) is ScanAction.STAY_LOCAL
    assert not PrivacySettings().scans
    assert PrivacySettings().action_for(DataKind.EMAIL) is ScanAction.OFF
