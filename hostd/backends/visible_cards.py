"""Which cards the owner shows to engines by the drivers' own variables, and in which order an engine numbers them then.

CUDA reads a list of numbers or UUIDs up to the first that is none of a card (CUDA programming guide, environment variables). Of
AMD's two lists the one of ROCr counts first, and HIP numbers what that leaves; HIP also reads CUDA's, if it has none of its own.
Vulkan numbers devices as its loader finds them, which is known of a single one alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostd.domain.host import Host, Pool
from hostd.planning.warm_set.load_option import SLICE

CUDA, CUDA_ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
HIP, ROCR, VULKAN = "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"
VARIABLES = (CUDA, CUDA_ORDER, HIP, ROCR, VULKAN)
BY_BUS = "PCI_BUS_ID"

_NAMED = re.compile(r"(?i:(CUDA|ROCm|MTL)(\d+)|Metal)")
_KINDS = {"cuda": "cuda", "rocm": "rocm", "mtl": "metal"}


@dataclass(frozen=True, slots=True)
class VisibleCards:
    """The cards that an engine may use, by pool id in the order in which it numbers them; None for all as they are.

    *why* says which variable hides or orders some. *unreckoned* names variables of which hostd cannot tell what they show.
    """

    pools: tuple[str, ...] | None = None
    why: str = ""
    unreckoned: tuple[str, ...] = ()


class _Unknown(Exception):
    """What a variable shows cannot be told from what is known of the cards."""


def device_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return those of *environ* that decide which cards a program sees."""
    return {name: environ[name] for name in VARIABLES if name in environ}


def visible_cards(host: Host, environ: Mapping[str, str]) -> VisibleCards:
    """Return the cards of *host* that a program with *environ* sees."""
    whole = tuple(pool.id for pool in host.accelerators)
    found, used, unknown = list[str](), list[str](), list[str]()
    for kind, cards in _by_kind(host.accelerators).items():
        left = cards
        for name, text in _lists(kind, environ):
            try:
                if kind == "cuda":
                    _check_order(environ.get(CUDA_ORDER, BY_BUS), text, cards)
                left = _shown(text, left, by_place=name == HIP)
                used.append(f"{name}={text}")
            except _Unknown:
                unknown.append(name)
        found += [pool.id for pool in left]
    if len(whole) > 1 and environ.get(VULKAN) and len(environ[VULKAN].split(",")) < len(whole):
        unknown.append(VULKAN)
    if tuple(found) == whole:
        return VisibleCards(unreckoned=tuple(unknown))
    shown = f"shows it {' and then '.join(found)} alone" if found else "hides all cards from it"
    return VisibleCards(tuple(found), f"{', '.join(dict.fromkeys(used))} {shown}", tuple(unknown))


def named_devices(text: str) -> tuple[str, ...] | None:
    """Return the names in a ``--device`` of llama.cpp; None if hostd does not know what one of them stands for."""
    names = tuple(name.strip() for name in text.split(","))
    return names if all(_NAMED.fullmatch(name) for name in names) else None


def of_names(names: Sequence[str], pools: Sequence[str]) -> tuple[str, ...] | None:
    """Return the pools that llama.cpp's *names* (``CUDA1``) stand for where it sees *pools*; None if one stands for none."""
    found = []
    for name in names:
        match = _NAMED.fullmatch(name)
        kind, number = _KINDS[(match[1] or "mtl").lower()] if match else "", int(match[2] or 0) if match else 0
        alike = [pool for pool in pools if pool.partition(":")[0] == kind]
        if number >= len(alike):
            return None
        found.append(alike[number])
    return tuple(found)


def _by_kind(cards: Sequence[Pool]) -> dict[str, list[Pool]]:
    kinds: dict[str, list[Pool]] = {}
    for card in cards:
        kinds.setdefault(card.id.partition(":")[0], []).append(card)
    return kinds


def _lists(kind: str, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the variables that choose among cards of that *kind*, in the order in which they do, and what they say."""
    if kind == "cuda":
        return [(CUDA, environ[CUDA])] if CUDA in environ else []
    if kind != "rocm":
        return []
    first = [(ROCR, environ[ROCR])] if ROCR in environ else []
    # An empty one is none to HIP.
    second = environ.get(HIP) or environ.get(CUDA)
    return [*first, (HIP, second)] if second else first


def _check_order(order: str, text: str, cards: Sequence[Pool]) -> None:
    if order != BY_BUS and re.search(r"(?:^|,)\s*\d", text) and len({card.name for card in cards}) > 1:
        raise _Unknown


def _shown(text: str, cards: Sequence[Pool], *, by_place: bool) -> list[Pool]:
    """Return what *text* shows of *cards*, numbered by their ids, or by their place in what an earlier list has left."""
    found = list[Pool]()
    for word in (each.strip() for each in text.split(",")):
        if word.isdecimal():
            card = _numbered(int(word), cards, by_place=by_place)
        elif word.upper().startswith(("GPU-", "MIG-")):
            card = _identified(word, cards)
        else:
            card = None
        if card is None:
            break
        if card in found:
            return []
        found.append(card)
    return found


def _numbered(number: int, cards: Sequence[Pool], *, by_place: bool) -> Pool | None:
    if by_place:
        return cards[number] if number < len(cards) else None
    # A card that is cut into slices (MIG) stands for its first one.
    return next((card for card in cards if card.id.partition(SLICE)[0].rpartition(":")[2] == str(number)), None)


def _identified(word: str, cards: Sequence[Pool]) -> Pool | None:
    known = [dict(card.facts).get("uuid", "") for card in cards]
    alike = [card for card, uuid in zip(cards, known, strict=True) if uuid.upper().startswith(word.upper())]
    if len(alike) != 1 and not all(known):
        raise _Unknown
    return alike[0] if len(alike) == 1 else None
