"""The route by which the owner has the files read anew; nothing that a request says is a setting."""

import json
from dataclasses import asdict

from aiohttp import web

from hostd.dialects import registry
from hostd.domain.errors import Bug, ConfigError
from hostd.gateway.context import RequestContext, Route
from hostd.gateway.query_values import flag
from hostd.runtime.reload import Reload

INVALID = 422
"""The status where the files have mistakes."""


class ReloadHandlers:
    """Has *reload* done."""

    def __init__(self, reload: Reload | None) -> None:
        self._reload = reload

    def routes(self) -> list[Route]:
        """Return the route."""
        return [("POST", "/hostd/v1/reload", self.reload)]

    async def reload(self, ctx: RequestContext) -> web.Response:
        """Read the files anew and put them in force, or only compare with ``?dry_run=1``; 422 tells where files have mistakes."""
        if self._reload is None:
            raise Bug("there is nothing that reloads settings")
        try:
            outcome = await self._reload.run(dry_run=flag(ctx.request.query, "dry_run"))
        except ConfigError as error:
            told = json.loads(registry.client_dialect(ctx.dialect).error(error))
            told["error"]["problems"] = [asdict(problem) for problem in error.problems]
            return web.json_response(told, status=INVALID)
        return web.json_response(
            {
                "applied": outcome.applied,
                "source": outcome.source,
                **{name: list(models) for name, models in asdict(outcome.profiles).items()},
                "changes": [asdict(change) for change in outcome.settings],
                "notes": list(outcome.notes),
            }
        )
