"""What goes wrong when a model is looked for or its header is read: a sentence for the owner, never a traceback."""

from hostd.domain.errors import HostdError


class ModelUnreadable(HostdError):
    """A model, or what describes it, is not as it should be."""

    code = "model_unreadable"
    status = 422


class BadReference(ModelUnreadable):
    """What was written to name a model names none."""

    code = "bad_reference"
    status = 400


class ModelNotFound(ModelUnreadable):
    """There is nothing at the place that was named."""

    code = "model_not_there"
    status = 404


class HubUnreachable(ModelUnreadable):
    """The hub did not answer, or did not answer in full: it may another time."""

    code = "hub_unreachable"
    status = 502


class DiskFull(HostdError):
    """What was to be downloaded has no room on the disk."""

    code = "disk_full"
    status = 507
