"""Checks across files: names and aliases that are not unique, and references to profiles that do not exist.

The checks read the files' data, not the validated sections, so that one mistake in a file hides none of these.
"""

from collections.abc import Iterator
from typing import Any

from hostd.config import model_choice
from hostd.config.cascade import check_cascade
from hostd.config.context_fit import check_context
from hostd.config.document import Document
from hostd.config.machine_cost import check_machine
from hostd.config.validators import hint, shown
from hostd.config.yaml_positions import Position, YamlMapping, YamlSequence
from hostd.domain.cloud import CLOUD_PROVIDERS
from hostd.domain.prices import list_price

WILDCARDS = frozenset("*?[")


def compare(host: Document, profiles: list[Document]) -> None:
    """Report contradictions between the files and within each, at the key to change."""
    owners = _names(profiles)
    aliases = _aliases(profiles, owners)
    # A file that cannot be read most likely holds the profile that it is named after; its own mistake is enough.
    known = {**aliases, **{doc.file.stem: "" for doc in profiles if not doc.readable}, **dict.fromkeys(owners, "")}
    for doc in profiles:
        for target, at in _fallbacks(doc.root.get("fallback")):
            if target == doc.root.get("name"):
                doc.report(f"profile {shown(target)} falls back to itself; name another one", at)
            elif known.get(target, target):
                doc.report(_unknown(target, known), at)
        _draft(doc, owners, known)
    _roles(host, owners, known)
    _caps(host, profiles)
    check_machine(host, profiles)
    _cycles(owners)


def _names(profiles: list[Document]) -> dict[str, Document]:
    owners: dict[str, Document] = {}
    for doc in profiles:
        name = doc.root.get("name")
        if not isinstance(name, str) or not name:
            continue
        other = owners.setdefault(name, doc)
        if other is not doc:
            message = f"two profiles are named {shown(name)}: this one and the one in {other.file}; rename one of them"
            doc.report(message, doc.root.values_at["name"])
    return owners


def _aliases(profiles: list[Document], owners: dict[str, Document]) -> dict[str, str]:
    """Return the profile of each exact alias; report aliases that another profile has as its name or alias."""
    found: dict[str, tuple[str, Document]] = {}
    for doc in profiles:
        for alias, at in _texts(doc.root.get("aliases")):
            if WILDCARDS & set(alias):
                continue
            if owners.get(alias, doc) is not doc:
                doc.report(f"alias {shown(alias)} is the name of the profile in {owners[alias].file}; drop it", at)
            _, other = found.setdefault(alias, (str(doc.root.get("name")), doc))
            if other is not doc:
                doc.report(f"alias {shown(alias)} also belongs to the profile in {other.file}; keep one of them", at)
    return {alias: name for alias, (name, _) in found.items()}


def _draft(doc: Document, owners: dict[str, Document], known: dict[str, str]) -> None:
    """Report a draft model that is no file, no profile, or a profile without a file."""
    draft = doc.root.get("draft")
    if not isinstance(draft, str) or draft in ("", "auto", "off") or draft.endswith(".gguf") or draft.startswith("hf:"):
        return
    at = doc.root.values_at["draft"]
    if known.get(draft, draft):
        doc.report(f"{_unknown(draft, known)}; a draft model may also be named by its .gguf file or hf:REPO/FILE", at)
    elif owners.get(draft, doc) is doc:
        doc.report(f"profile {shown(draft)} drafts for itself; name a smaller model's, or its .gguf file", at)
    elif not any(
        isinstance(each, YamlMapping) and each.get("backend") == "llamacpp" and (each.get("path") or each.get("hf"))
        for each in owners[draft].root.get("variants") or ()
    ):
        doc.report(
            f"profile {shown(draft)} has no llamacpp variant with weights; name the draft model's .gguf file", at
        )


def _roles(host: Document, owners: dict[str, Document], known: dict[str, str]) -> None:
    roles = host.root.get("roles")
    if not isinstance(roles, YamlMapping):
        return
    for role, value in roles.items():
        if role in owners:
            message = f"role '{role}' has the name of the profile in {owners[role].file}; rename one of them"
            host.report(message, roles.keys_at[role])
        elif profile := known.get(role):
            message = f"role '{role}' is also an alias of profile '{profile}'; keep one of them"
            host.report(message, roles.keys_at[role])
        named = [*_texts(value.get("use") if isinstance(value, YamlMapping) else value)]
        if isinstance(value, YamlMapping) and isinstance(safety := value.get("safety"), str) and safety:
            named.append((safety, value.values_at["safety"]))
        for section, key in (("cascade", "judge"), ("context", "summary")):
            found = value.get(section) if isinstance(value, YamlMapping) else None
            if isinstance(found, YamlMapping) and isinstance(name := found.get(key), str) and name:
                named.append((name, found.values_at[key]))
        for target, at in named:
            if known.get(target, target):
                host.report(_unknown(target, known), at)
        if isinstance(value, YamlMapping):
            _rules(host, role, value)
            model_choice.complain(host, role, value)
            check_cascade(host, role, value)
            check_context(host, value, owners)


def _rules(host: Document, role: str, value: YamlMapping) -> None:
    """Report rules that send requests to profiles which the role does not use, and those behind one that always holds."""
    used = {name for name, _ in _texts(value.get("use"))}
    rules = value.get("route")
    if not isinstance(rules, YamlSequence):
        return
    always = False
    for number, rule in enumerate(rules):
        if not isinstance(rule, YamlMapping):
            continue
        if always:
            host.report("the rule before always holds, so this one is never come to", rules.values_at[number])
        always = always or not rule.get("when")
        _budget_rule(host, value, rule.get("when"))
        to = rule.get("to")
        for target, at in [(to, rule.values_at["to"])] if isinstance(to, str) else _texts(to):
            if target not in used:
                host.report(
                    f"role '{role}' does not use {shown(target)}; {hint(target, sorted(used))}, or add it to `use`", at
                )


def _budget_rule(host: Document, role: YamlMapping, when: object) -> None:
    """Report a rule by budgets where nothing that it could mean has one; those of keys stand in a file of their own."""
    keys, budgets = host.root.get("keys"), host.root.get("budgets")
    has_keys = isinstance(keys, YamlMapping) and keys.get("file") is not None
    if (
        isinstance(when, YamlMapping)
        and when.get("budget_used") is not None
        and not (has_keys or budgets or role.get("budget"))
    ):
        message = (
            "nothing has a budget, so this would never hold; give the role one, or `budgets` for the host or sessions"
        )
        host.report(message, when.keys_at["budget_used"])


def _cycles(owners: dict[str, Document]) -> None:
    """Report each fallback that leads back to a profile on the way to it, at the name to remove."""
    finished: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        way += (name,)
        for target, at in _fallbacks(owners[name].root.get("fallback")):
            if target == name:  # reported by itself
                continue
            if target in way:
                cycle = " -> ".join((*way[way.index(target) :], target))
                owners[name].report(f"fallbacks go round in a circle ({cycle}); remove {shown(target)} here", at)
            elif target in owners and target not in finished:
                follow(target, way)
        finished.add(name)

    for name in owners:
        if name not in finished:
            follow(name, ())


def _caps(host: Document, profiles: list[Document]) -> None:
    """Report budgets of providers that no profile uses, and models of which nobody knows the price where money is limited."""
    found = host.root.get("providers")
    providers = found if isinstance(found, YamlMapping) else YamlMapping()
    used: set[str] = set()
    for doc in profiles:
        for variant in doc.root.get("variants") or ():
            if not isinstance(variant, YamlMapping) or not isinstance(provider := variant.get("provider"), str):
                continue
            used.add(provider)
            model, key = variant.get("model"), _limits_money(host, provider, doc.root.get("name"))
            if key and not doc.root.get("price") and isinstance(model, str) and list_price(provider, model) is None:
                doc.report(
                    f"{key} cannot be kept: nothing says what {shown(model)} costs; write "
                    "price: {input: USD, output: USD} (per million tokens) into this profile",
                    variant.values_at["model"],
                )
    for provider in providers:
        if isinstance(provider, str) and provider not in {*used, *CLOUD_PROVIDERS}:
            known = sorted({*used, *CLOUD_PROVIDERS})
            message = f"no profile has a model of the provider {shown(provider)}; {hint(provider, known)}"
            host.report(message, providers.keys_at[provider])


def _limits_money(host: Document, provider: str, profile: object) -> str | None:
    """Return the key by which money for *profile* at *provider* is limited; None where it is not."""
    budgets: dict[str, Any] = {}
    for section in ("providers", "roles", "budgets"):
        found = host.root.get(section)
        for name, value in found.items() if isinstance(found, YamlMapping) else ():
            if not isinstance(value, YamlMapping):
                continue
            if section == "providers" and name == provider:
                budgets |= {
                    f"providers.{name}.daily_usd": value.get("daily_usd"),
                    f"providers.{name}.budget": value.get("budget"),
                }
            elif section == "roles" and profile in [target for target, _ in _texts(value.get("use"))]:
                budgets[f"roles.{name}.budget"] = value.get("budget")
            elif section == "budgets":
                budgets[f"budgets.{name}"] = value
    return next((key for key, value in budgets.items() if _is_money(value)), None)


def _is_money(value: object) -> bool:
    """Return whether what is written limits money: a number, or an amount in USD of any period."""
    if isinstance(value, YamlMapping):
        return any(_is_money(each) for each in value.values())
    if isinstance(value, YamlSequence):
        return any(map(_is_money, value))
    return isinstance(value, (int, float)) or (isinstance(value, str) and ("USD" in value or "$" in value))


def _unknown(target: str, known: dict[str, str]) -> str:
    """Return the message for a *target* that is not a profile; *known* maps names to "" and aliases to their profiles."""
    if target in known:
        return f"{shown(target)} is an alias; write the profile's name, '{known[target]}'"
    profiles = sorted(name for name, alias_of in known.items() if not alias_of)
    return f"no profile is named {shown(target)}; {hint(target, profiles)}"


def _texts(value: Any) -> Iterator[tuple[str, Position]]:
    """Yield the texts of a list with their positions; anything else is reported by the validation of the section."""
    if isinstance(value, YamlSequence):
        yield from (
            (item, at) for item, at in zip(value, value.values_at, strict=True) if item and isinstance(item, str)
        )


def _fallbacks(value: Any) -> Iterator[tuple[str, Position]]:
    yield from _texts(value)
    for item in value if isinstance(value, YamlSequence) else ():
        if isinstance(item, YamlMapping) and isinstance(item.get("to"), str) and item["to"]:
            yield item["to"], item.values_at["to"]
