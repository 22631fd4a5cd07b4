"""Keys of clients."""

from hostd.domain.client_key import ClientKey
from hostd.domain.principal import PrincipalKind


def test_a_key_is_no_more_than_it_says() -> None:
    """Its sender may use the models that it names, and no others."""
    principal = ClientKey("a", b"", 0.0, models=frozenset({"x"})).principal
    assert (PrincipalKind.KEY, "a") == (principal.kind, principal.client)
    assert (True, False) == (principal.may_use("x"), principal.may_use("y"))
