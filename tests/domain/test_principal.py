"""Senders of requests."""

from hostd.domain.principal import ANONYMOUS, Principal, PrincipalKind, Privacy


def test_a_program_of_this_machine_may_use_everything() -> None:
    """Without a key there is no restriction: no list of models, and prompts may go where the owner lets them."""
    assert (None, PrincipalKind.LOCAL, Privacy.ANY, None) == (
        ANONYMOUS.client,
        ANONYMOUS.kind,
        ANONYMOUS.privacy,
        ANONYMOUS.allowed,
    )
    assert Principal() == ANONYMOUS != Principal("codex")
