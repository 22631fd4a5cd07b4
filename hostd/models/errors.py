"""Errors about models, hubs and downloads: each is a sentence for the owner, and says what to do."""

from hostd.domain.errors import HostdError


class ModelUnreadable(HostdError):
    """A model or what describes it cannot be used; the base of every error about a model."""

    code = "model_unreadable"
    status = 422


class BadReference(ModelUnreadable):
    """A reference does not name a model."""

    code = "bad_reference"
    status = 400


class ModelNotFound(ModelUnreadable):
    """A reference names a model, revision or file that does not exist."""

    code = "model_not_there"
    status = 404


class DamagedModel(ModelUnreadable):
    """The header of a model contradicts itself or what any model can be; no engine is started on it."""

    code = "damaged_model"


class HubUnreachable(ModelUnreadable):
    """The hub did not answer in full; the same request may succeed later."""

    code = "hub_unreachable"
    status = 502


class DiskFull(HostdError):
    """The disk has too little free space for a download."""

    code = "disk_full"
    status = 507
