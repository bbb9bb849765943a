"""What can go wrong with the command itself, in words for whoever typed it.

Every error here reaches the terminal as one plain line and exit code 3, never as a traceback. Anything else is a bug
and is shown whole.
"""


class CommandError(Exception):
    """A known reason why the command cannot go on. The message says what is wrong and what to do."""

    exit_code = 3


class ServerStartError(CommandError):
    """An embedded server, or a service of the local stack, did not start."""


class DataDirectoryError(CommandError):
    """The data directory cannot be used: another run holds it, or it belongs to something else."""


class PortTakenError(CommandError):
    """Something else listens on the port that was asked for."""
