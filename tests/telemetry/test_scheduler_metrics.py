"""What the scheduler knows is read at a scrape: nothing is counted twice."""

from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.scheduler import Scheduler
from hostd.telemetry.metrics import Metrics
from tests.stage import make_profile
from tests.telemetry.test_metrics import samples


def test_shows_the_account_of_the_memory() -> None:
    """By pool: what is promised, what others hold, what is free; and what each model is promised."""
    scheduler = Scheduler({"alpha": make_profile("alpha", "a")})
    ledger = scheduler.engines.ledger
    ledger.capacity, ledger.others = {"cuda:0": 100}, {"cuda:0": 30}
    ledger.adopt("alpha", LoadOption(0, "a", needs={"cuda:0": 60}))
    seen = samples(Metrics(scheduler.view, memory=lambda: scheduler.memory(0.0)))
    kinds = ("promised", "other", "free", "capacity")
    assert [60.0, 30.0, 40.0, 100.0] == [
        seen[f"hostd_vram_bytes[('device', 'cuda:0'), ('kind', '{kind}')]"] for kind in kinds
    ]
    assert 60.0 == seen["hostd_model_memory_bytes[('device', 'cuda:0'), ('model', 'alpha')]"]
