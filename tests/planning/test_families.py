"""The table of architectures."""

from hostd.planning import families


def test_no_architecture_has_two_rules() -> None:
    """An architecture's layers are told by one rule, so that none is decided by the order of tables."""
    rules = [
        families.PLAIN, families.RECURRENT, families.RECURRENT_WITHOUT_KV_HEADS, families.PARALLEL,
        families.FULL_ATTENTION_INTERVAL.keys(), families.SLIDING.keys() - families.ENCODERS, families.ENCODERS,
    ]  # fmt: skip
    assert sum(map(len, rules)) == len(set().union(*rules))
