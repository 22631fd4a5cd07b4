"""How a verb ends: the exit codes that scripts rely on, and the failure that carries one."""

from enum import IntEnum


class Code(IntEnum):
    """Exit codes; 75 and 78 are EX_TEMPFAIL and EX_CONFIG of sysexits.h."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_ALLOWED = 4
    UNKNOWN_MODEL = 5
    BUSY = 75
    BAD_CONFIG = 78
    INTERRUPTED = 130


class VerbError(Exception):
    """A verb cannot go on; *message* says what happened, why, and which command comes next."""

    def __init__(self, message: str, code: Code = Code.FAILURE) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class DaemonUnreachable(VerbError):
    """Nothing answers at the daemon's address."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"no hostd answers at {address} ({why}); start it with: hostd serve", Code.UNREACHABLE)
