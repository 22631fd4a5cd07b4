"""Whether the sender of a request may see the model that it names."""

from hostd.domain.errors import RequestError
from hostd.gateway.context import RequestContext
from hostd.routing.router import Router


def allowed_profile(router: Router, ctx: RequestContext, asked: str) -> str:
    """Return the profile that *asked* means first.

    Raises:
        UnknownModel: No profile, alias or role has this name.
        RequestError: It is not for the sender of this request.
    """
    profile = router.resolve(asked)
    if not ctx.principal.may_use(profile):
        raise RequestError(
            f"'{profile}' is not for the key '{ctx.principal.client}'; ask for a model that GET /v1/models lists for it",
            code="model_not_allowed",
            status=403,
            param="model",
        )
    return profile
