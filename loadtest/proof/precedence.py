"""Who gets the CPU when all want it: niceness of a process, and of its session where the kernel groups by session.

With autogroups (sched(7)) niceness counts only among the processes of one session, and every session gets the same
share whatever its processes are; then the session's own niceness is what counts. Where something is not allowed, all
stays as it is.
"""

import contextlib
import os
from pathlib import Path


def set_niceness(pid: int, niceness: int) -> None:
    """For all threads of a process, and for its session if it leads one."""
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)
    with contextlib.suppress(OSError):
        if os.getsid(pid) == pid:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")
