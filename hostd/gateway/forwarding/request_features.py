"""What the rules of a role ask of a request."""

from collections.abc import Mapping
from datetime import datetime

from hostd.dialects.base import InferenceRequest
from hostd.dialects.last_words import last_words
from hostd.dialects.session import session_name
from hostd.domain.token_estimate import estimated_tokens
from hostd.routing.features import Features


def features_of(
    inference: InferenceRequest, headers: Mapping[str, str], client: str | None, *, private: bool
) -> Features:
    """Return the features of *inference* as it has come from *client* with *headers*; *private* ones stay here.

    Raises:
        RequestError: A message cannot be read.
    """
    document, needs = inference.document, inference.requirements
    metadata = document.get("metadata")
    said, tool_answered = last_words(document)
    return Features(
        said,
        estimated_tokens(document.size),
        datetime.now().astimezone(),
        tools=needs.tools,
        pictures=needs.vision,
        private=private,
        awaits_model=tool_answered,
        client=client,
        session=session_name(headers, document),
        metadata={name: str(value) for name, value in metadata.items()} if isinstance(metadata, dict) else {},
    )
