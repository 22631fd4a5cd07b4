"""The engines by name."""

from hostd.backends.registry import backends


def test_every_backend_is_found_under_its_own_name() -> None:
    """The key of the mapping is what a variant's ``backend`` says."""
    assert {"llamacpp": "llamacpp"} == {name: backend.name for name, backend in backends({}).items()}
