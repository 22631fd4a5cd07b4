"""Keys, tokens and passwords, mostly by the beginnings that their makers gave them so that scanners find them."""

import re

from hostd.domain.private_data import DataKind
from hostd.privacy.pattern import Anchor, DataPattern

_SECRET = DataKind.SECRET
_NAMES = r"password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token"


def _begins(form: str, *beginnings: str, most: int = 400) -> DataPattern:
    """Return the pattern of what is written like *form*, of *most* characters, and begins with one of *beginnings* (lower case).

    Each of these is looked for in the whole text: a rare one that several forms share costs less than all of theirs.
    """
    return DataPattern(
        _SECRET,
        Anchor(1, most, literals=beginnings),
        re.compile(rf"(?<![A-Za-z0-9_])(?:{form})(?![A-Za-z0-9_-])"),
    )


PATTERNS = (
    _begins(r"sk-(?:ant-|proj-|svcacct-|or-v1-|live-)?[A-Za-z0-9_-]{16,400}", "sk-"),
    _begins(r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,200}|whsec_[A-Za-z0-9+/=]{16,200}", *("k_live_", "k_test_", "whsec_")),
    _begins(
        r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}",
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    _begins(
        r"gl(?:pat|ptt|rt|dt|cbt|soat)-[A-Za-z0-9_.-]{20,300}",
        *("glp", "glrt-", "gldt-", "glcbt-", "glsoat-"),
    ),
    _begins(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", "akia", "asia", "abia", "acca", most=20),
    _begins(
        r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_.-]{20,400}|GOCSPX-[A-Za-z0-9_-]{20,60}", *("aiza", "ya29.", "gocspx-")
    ),
    _begins(r"xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-[A-Za-z0-9-]{10,250}", "xox", "xapp-"),
    _begins(
        r"(?:hf|api_org)_[A-Za-z0-9]{30,60}|r8_[A-Za-z0-9]{30,60}|gsk_[A-Za-z0-9]{40,80}|xai-[A-Za-z0-9]{40,120}",
        *("hf_", "api_org_", "r8_", "gsk_", "xai-"),
    ),
    _begins(
        r"npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,300}|dop_v1_[0-9a-f]{64}|dckr_pat_[A-Za-z0-9_-]{20,60}",
        *("npm_", "pypi-", "dop_v1_", "dckr_pat_"),
    ),
    _begins(
        r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64}|key-[0-9a-f]{32}|sq0(?:atp|csp)-[A-Za-z0-9_-]{20,60}",
        *("sg.", "key-", "sq0"),
    ),
    _begins(
        r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|lin_api_[A-Za-z0-9]{32,60}|ntn_[A-Za-z0-9]{30,60}|hvs\.[A-Za-z0-9_-]{20,200}",
        *("shp", "lin_api_", "ntn_", "hvs."),
    ),
    _begins(r"hostd_[A-Za-z0-9_-]{43}|AGE-SECRET-KEY-1[A-Z0-9]{58}", "hostd_", "age-secret-key-"),
    # JSON web tokens: header, claims, signature.
    _begins(r"eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{0,2000}", "eyj", most=14_100),
    DataPattern(
        _SECRET,
        Anchor(40, 20_100, literals=("private key",)),
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]{2,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^\0-]|-(?!----)){0,20000}(?:-----END [A-Z0-9 ]{0,60}-----)?"
        ),
    ),
    # A password within a URL.
    DataPattern(
        _SECRET,
        Anchor(32, 410, literals=("://",)),
        re.compile(r"(?i)(?<=://)[^\s/:@\"'<>]{0,200}:(?P<value>[^\s/:@\"'<>$({]{3,200})@"),
    ),
    # NAME=value and "name": "value", as in environment files and configurations.
    DataPattern(
        _SECRET,
        Anchor(
            0,
            220,
            literals=(
                "passw",
                "passphrase",
                "secret",
                "apikey",
                "api_key",
                "api-key",
                "access",
                "auth_token",
                "auth-token",
                "authtoken",
            ),
        ),
        re.compile(
            rf"(?i)(?:{_NAMES})\"?'?\s{{0,3}}[:=]\s{{0,3}}[\"']?"
            r"(?P<value>(?=[^\s\"',;<>]{0,200}[0-9])(?=[^\s\"',;<>]{0,200}[A-Za-z])[^\s\"',;<>${}()\[\]]{8,200})"
        ),
    ),
)
