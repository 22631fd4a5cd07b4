"""Addresses of e-mail and telephone numbers."""

import re

from hostd.domain.private_data import DataKind
from hostd.privacy.pattern import NUMBERS, Anchor, DataPattern, digits_of

_AT = r"(?:@|%40|&#0*64;|&#x0*40;|&commat;|\\u0040|\\x40| ?[\[(]at[\])] ?)"
_AT_SIGNS = Anchor(64, 270, literals=("@", "%40", "64;", "x40", "0040", "&commat;", "[at]", "(at)"))
_FILE_ENDINGS = frozenset(
    (
        "avif",
        "bmp",
        "cjs",
        "css",
        "dll",
        "exe",
        "gif",
        "go",
        "gz",
        "htm",
        "html",
        "ico",
        "jar",
        "java",
        "jpeg",
        "jpg",
        "js",
        "json",
        "jsx",
        "lock",
        "log",
        "map",
        "md",
        "mjs",
        "png",
        "py",
        "pyc",
        "rb",
        "rs",
        "scss",
        "so",
        "svg",
        "tar",
        "tgz",
        "toml",
        "ts",
        "tsx",
        "txt",
        "webp",
        "whl",
        "xml",
        "yaml",
        "yml",
        "zip",
    )
)
_CALLED = re.compile(
    r"(?i)\b(?:tel|phone|telefon|telephone|fon|mobil\w*|cell|handy|fax|call|whatsapp|sms|ring|anruf\w*|rufnummer|number is)\b"
)


def _is_mailbox(text: str) -> bool:
    """Return whether *text* can receive mail: neither a picture's name such as logo@2x.png nor the user of a Git remote."""
    return text.rpartition(".")[2].lower() not in _FILE_ENDINGS and not text.lower().startswith("git@")


def _is_number(text: str) -> bool:
    return 8 <= len(digits_of(text)) <= 15


PATTERNS = (
    DataPattern(
        DataKind.EMAIL,
        _AT_SIGNS,
        # Names have 64 characters and labels 63 at most (RFC 5321, 4.5.3.1): without these bounds long words take quadratic time.
        re.compile(
            rf"(?i)(?<![\w.+-])[\w.!#$&'*/=?^`{{|}}~+-]{{1,64}}{_AT}"
            r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w-])"
        ),
        _is_mailbox,
    ),
    # International form (ITU-T E.123).
    DataPattern(
        DataKind.PHONE,
        NUMBERS,
        re.compile(
            r"(?<![\w+.])(?<![0-9] )(?:\+|00)[1-9]\d{0,2} ?(?:\(\d{1,4}\))?(?:[ .\-/\u00a0]{0,2}\d{1,12}){1,5}(?!\w)"
        ),
        _is_number,
    ),
    # North America: an area and an exchange begin with 2 to 9.
    DataPattern(
        DataKind.PHONE,
        NUMBERS,
        re.compile(r"(?<![\w.+-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-])"),
    ),
    # National form, which any number may have, after a word that says so.
    DataPattern(
        DataKind.PHONE, NUMBERS, re.compile(r"(?<![\w.+-])\(?\d(?:[ ().\-/]{0,2}\d){6,13}(?!\w)"), context=_CALLED
    ),
)
