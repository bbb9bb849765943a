"""Who gives a command, for the lines that say who did what."""

import os
import pwd


def name() -> str:
    """The name of the user who runs it, whatever the environment says; the number where there is no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.getuid())
