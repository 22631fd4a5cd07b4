"""Why a request is not served, in the words that it is told."""


class Refusal(Exception):
    """Why a request is not served: *status* and *code* are for the client's program, the text for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def too_long(context: int, length: str) -> Refusal:
    """Return the refusal of a prompt of *length* tokens."""
    return Refusal(
        400,
        "context_length_exceeded",
        f"the prompt has {length} tokens, and one request may have {context}, its answer included; shorten it",
    )
