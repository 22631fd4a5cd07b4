"""The engines that the suite knows: every module here holds one as ``ENGINE``, and adding one takes one file."""

import importlib
import pkgutil

from tests.conformance.engine import Engine

ENGINES: tuple[Engine, ...] = tuple(
    importlib.import_module(f"{__name__}.{module.name}").ENGINE for module in pkgutil.iter_modules(__path__)
)
