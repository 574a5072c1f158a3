"""What goes wrong with a sandbox, told to the person who started it."""


class SandboxError(Exception):
    """A program of the sandbox failed, or did not become ready; the message says which, and what it said last."""
