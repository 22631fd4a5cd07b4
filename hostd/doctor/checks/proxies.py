"""Whether a proxy of the environment swallows what programs on this machine send to hostd."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, fine, warned

LOOPBACK = ("127.0.0.1", "localhost")
_FOR_HTTP = ("http", "all")


@dataclass(frozen=True, slots=True)
class ProxyFacts:
    """The proxies that clients use for plain HTTP, by the variable that names each, and the hosts that they pass by."""

    proxies: Mapping[str, str]
    spared: frozenset[str] = frozenset()
    listed: str = ""


def check(context: CheckContext) -> Findings:
    """Return whether requests to this machine itself go through a proxy."""
    return judge(gather(context.environ))


def gather(environ: Mapping[str, str]) -> ProxyFacts:
    """Return the proxies that *environ* names, as clients read it: small letters come before capitals."""
    given = {name: value for name, value in environ.items() if name.lower().endswith("_proxy") and value}
    ordered = sorted(given.items(), key=lambda each: each[0].islower())
    kinds = {name.lower().removesuffix("_proxy"): value for name, value in ordered}
    proxies = {f"{kind}_proxy": kinds[kind] for kind in _FOR_HTTP if kind in kinds}
    # What clients agree on: "*", or a host as it is asked for, perhaps with a port. Few of them know networks such as 127.0.0.0/8.
    named = {entry.strip().lower().partition(":")[0] for entry in kinds.get("no", "").split(",")}
    spared = frozenset(host for host in LOOPBACK if {host, "*"} & named)
    return ProxyFacts(proxies, spared, kinds.get("no", ""))


def judge(facts: ProxyFacts) -> Findings:
    """Return the finding on the proxies; a proxy's password is not shown."""
    if not facts.proxies:
        return fine("no proxy stands between programs and this machine")
    swallowed = [host for host in LOOPBACK if host not in facts.spared]
    name, proxy = next(iter(facts.proxies.items()))
    where = urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname or "a proxy"
    if not swallowed:
        return fine(f"{name} names {where}, and requests to this machine pass it by")
    hosts = ",".join(filter(None, (facts.listed, *swallowed, "::1")))
    return (
        warned(
            f"requests to {' and '.join(swallowed)} are sent to the proxy {where}",
            f"{name} is set and no_proxy does not name this machine, so clients never reach hostd",
            f"export no_proxy={hosts} NO_PROXY={hosts}",
        ),
    )
