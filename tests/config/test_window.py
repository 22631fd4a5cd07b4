"""Hours of the week, long or short."""

from collections.abc import Callable

from hostd.domain.profile import Settings
from hostd.domain.schedule import ActiveWindow


def test_both_forms_mean_the_same_and_an_empty_window_is_none(
    load_files: Callable[..., Settings], problems: Callable[..., list[str]]
) -> None:
    """An end before its start is past midnight; one at its start would be never."""
    profile = "name: a\nvariants: [{backend: llamacpp, path: x}]\nwarm: {windows: [%s]}"
    for written in ("{days: mon-fri, from: '22:00', to: '06:00'}", "'mon-fri 22:00-06:00'"):
        windows = load_files(a=profile % written).profiles["a"].warm.windows
        assert windows == (ActiveWindow((0, 1, 2, 3, 4), 1320, 360),)
    assert "ends when it begins" in problems(a=profile % "'daily 08:00-08:00'")[0]
