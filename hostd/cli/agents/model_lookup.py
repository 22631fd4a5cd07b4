"""The model of a running daemon that a client is set up for: the one that its user names, or else the best for tools."""

from dataclasses import dataclass

from hostd.cli.address import find_port
from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.agents.model_choice import choose
from hostd.cli.client import Client, model_path
from hostd.cli.exits import Code, VerbError


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model of a daemon at *host*, *why* it was chosen (None where it was named), and whether it calls tools (None: not said)."""

    address: ModelAddress
    host: str
    why: str | None
    tools: bool | None


def find_model(url: str | None, named: str | None, *, tools: bool = True) -> FoundModel:
    """Return the model that is *named*, a profile, alias or role, or else the one that `choose` does, for *tools* or not.

    Raises:
        DaemonUnreachable: No daemon answered.
        VerbError: The model is unknown, none can call tools, or the daemon listens on no port.
    """
    where = find_port(url)
    # A key that is given to the program may open models only, and not the list of them with what they can.
    client, name, why = Client(where, as_owner=True), named, None
    if name is None:
        answer = client.get("/hostd/v1/models")
        choice = choose(answer["models"], answer["roles"], tools=tools)
        if choice is None:
            raise VerbError(
                "no model here calls tools, as far as is known; name one all the same, and see: hostd ls",
                Code.UNKNOWN_MODEL,
            )
        name, why = choice.name, choice.why
    found = client.get(model_path(name))
    return FoundModel(
        ModelAddress(str(where), name, found["context"], Client(where).key()),
        where.host,
        why,
        found["capabilities"].get("tools"),
    )
