"""The table of architectures."""

from hostd.planning.formats import gguf_families


def test_no_architecture_has_two_rules() -> None:
    """An architecture's layers are told by one rule, so that none is decided by the order of tables."""
    rules = [
        gguf_families.PLAIN, gguf_families.RECURRENT, gguf_families.RECURRENT_WITHOUT_KV_HEADS, gguf_families.PARALLEL,
        gguf_families.FULL_ATTENTION_INTERVAL.keys(), gguf_families.SLIDING.keys() - gguf_families.ENCODERS, gguf_families.ENCODERS,
    ]  # fmt: skip
    assert sum(map(len, rules)) == len(set().union(*rules))


def test_rows_of_indexers_are_of_known_indexers() -> None:
    """Only an architecture whose layers have an indexer at all keeps several rows for each token."""
    assert gguf_families.INDEX_ROWS.keys() <= gguf_families.INDEXED
