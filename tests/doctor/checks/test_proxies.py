"""The check of proxies."""

import pytest

from hostd.doctor.checks.proxies import gather, judge
from tests.doctor.machine import only

PROXY = "http://ann:secret@proxy.example:3128"


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        pytest.param({}, "ok", id="none"),
        pytest.param({"https_proxy": PROXY}, "ok", id="for TLS alone"),
        pytest.param({"http_proxy": PROXY}, "warn", id="for HTTP"),
        pytest.param({"HTTP_PROXY": PROXY}, "warn", id="in capitals"),
        pytest.param({"ALL_PROXY": "socks5://proxy.example"}, "warn", id="for all"),
        pytest.param({"http_proxy": PROXY, "no_proxy": "example.com"}, "warn", id="others spared"),
        pytest.param({"http_proxy": PROXY, "no_proxy": "localhost"}, "warn", id="one name spared"),
        pytest.param({"http_proxy": PROXY, "no_proxy": "127.0.0.0/8,localhost"}, "warn", id="a network"),
        pytest.param({"http_proxy": PROXY, "NO_PROXY": "localhost, 127.0.0.1"}, "ok", id="both spared"),
        pytest.param({"http_proxy": PROXY, "no_proxy": "*"}, "ok", id="all spared"),
        pytest.param({"http_proxy": "", "all_proxy": ""}, "ok", id="empty"),
    ],
)
def test_what_swallows_loopback(environ: dict[str, str], status: str) -> None:
    """Clients of this machine take the proxy unless no_proxy names what they ask for."""
    assert status == only(judge(gather(environ))).status


def test_the_remedy_keeps_what_is_spared_already() -> None:
    """And shows no password."""
    found = only(judge(gather({"http_proxy": PROXY, "no_proxy": "example.com"})))
    assert found.remedy.startswith("export no_proxy=example.com,127.0.0.1,localhost,::1 ")
    assert "secret" not in f"{found}{found.why}{found.remedy}"
