"""How an exchange with a server fails."""


class ExchangeError(Exception):
    """An exchange failed: the server cannot be reached, closed the connection, took too long, or sent what it must not."""


class ConnectError(ExchangeError):
    """No connection to the server can be made."""


class ConnectionLostError(ExchangeError):
    """The connection ended before the answer did.

    *stale* says that it had been kept from an earlier exchange and nothing of an answer had come: the server closed it just as it
    was used again, so the request may be sent once more.
    """

    def __init__(self, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.stale = stale


class AnswerError(ExchangeError):
    """The answer is no HTTP, larger than a limit, or encoded in a way that was not asked for."""


class NoAnswerError(ExchangeError):
    """A small request was not answered in time."""
