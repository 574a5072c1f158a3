"""What goes wrong with a control plane, told to the person who runs a test or `make cluster`."""


class ControlPlaneError(Exception):
    """Root of the errors of this package."""


class BuildError(ControlPlaneError):
    """A program of the control plane could not be built; the message ends with what the compiler said."""


class GoError(ControlPlaneError):
    """No usable Go toolchain is on the machine, and none could be installed."""


class StartError(ControlPlaneError):
    """A control plane did not start; the message ends with what its programs logged last."""


class ApiError(ControlPlaneError):
    """The API server refused a request."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status  # HTTP
        self.reason = reason  # of the Kubernetes Status, such as AlreadyExists


class StopError(ControlPlaneError):
    """A control plane did not end in time."""
