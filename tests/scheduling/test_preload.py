"""The boot's loads, one after another."""

from hostd.domain.lifecycle import State
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.pending_load import PendingLoad
from hostd.scheduling.preload import PreloadQueue
from tests.scheduling.scenario import profile


class Boot:
    """A boot whose loads are only noted; each claims its room until it is settled."""

    def __init__(self, names: str, **states: State) -> None:
        self.models = {name: ModelState(profile(name), state=states.get(name, State.COLD)) for name in names}
        self.asked: list[str] = []
        self.preload = PreloadQueue(self._ask)

    def _ask(self, model: ModelState, why: str) -> None:
        assert "preload" == why
        self.asked.append(model.profile.name)
        model.pending_load = PendingLoad(model.profile.name, why, 0.0)

    def begin(self) -> None:
        """Begin with all of them."""
        self.preload.begun = True
        self.preload.begin(self.models.values())

    def settle(self, name: str, state: State) -> None:
        """Let the load of one come to its end."""
        self.models[name].pending_load, self.models[name].state = None, state
        self.preload.settled(self.models[name])


def test_each_waits_for_the_one_before_it() -> None:
    """Whether that ends well or not."""
    boot = Boot("abc")
    boot.begin()
    assert (["a"], False) == (boot.asked, boot.preload.over)
    assert [False, True, True] == [model in boot.preload for model in boot.models.values()]
    boot.settle("a", State.READY)
    boot.settle("b", State.FAILED)
    assert (["a", "b", "c"], False) == (boot.asked, boot.preload.over)
    boot.settle("c", State.READY)
    assert boot.preload.over


def test_what_is_there_or_on_its_way_is_not_asked_for() -> None:
    """A load under way is waited for; others are passed over."""
    boot = Boot("abcd", a=State.READY, b=State.LOADING, c=State.FAILED)
    boot.begin()
    assert ([], False) == (boot.asked, boot.preload.over)
    boot.settle("a", State.READY)
    assert [] == boot.asked
    boot.settle("b", State.READY)
    assert ["d"] == boot.asked


def test_giving_up_ends_it() -> None:
    """Nothing more is asked for, whatever settles."""
    boot = Boot("ab")
    boot.begin()
    boot.preload.give_up()
    boot.settle("a", State.READY)
    assert (["a"], True) == (boot.asked, boot.preload.over)


def test_nothing_to_do_is_done_once_begun() -> None:
    """Not before."""
    boot = Boot("")
    assert not boot.preload.over
    boot.begin()
    assert boot.preload.over
