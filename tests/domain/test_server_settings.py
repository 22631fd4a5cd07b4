"""What the server does where the owner says nothing."""

from hostd.domain.server_settings import KeepAliveForm, ServerSettings


def test_is_closed_by_default() -> None:
    """No name and no page beside this machine's own, and streams that wait are sent comments."""
    settings = ServerSettings()
    assert ((), (), "") == (settings.hosts, settings.origins, settings.prefix)
    assert KeepAliveForm.COMMENT is settings.keep_alive
    assert 0 < settings.keep_alive_every < 60
