"""Starts one program so that it cannot outlive its parent, and PostgreSQL so that it does not see user id 0.

    python -m gelombang.launcher [--as-postgres] [--owned DIR] [--death-signal SIG] [--parent PID] -- COMMAND…

Guarantee: the program replaces this process (same process id) and is sent the death signal when the parent is gone,
even after `kill -9` of the parent. If the parent dies while this script still runs, nothing is started.

PostgreSQL refuses to run as root. With `--as-postgres` and user id 0 the program therefore runs

1. in a user namespace of its own, where root is called 65534: files stay root's. Where namespaces are forbidden, as in
   most containers:
2. as the user nobody, which keeps one capability, CAP_DAC_OVERRIDE, so that it reaches binaries and data below `/root`
   as root would;
3. as the user nobody without it, where root itself lacks it. Then every folder on the way must be open to nobody.

Standard library only, and run without `site`: it starts in a few hundredths of a second.
"""

import argparse
import ctypes
import errno
import os
import pwd
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

UNPRIVILEGED_ID = 65534  # "nobody" by the kernel's own default, /proc/sys/kernel/overflowuid

# From the kernel's headers: sched.h, prctl.h, capability.h.
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1

CANNOT_EXECUTE = 126  # what shells answer for "found, but could not be run"


def wrap(
    command: Sequence[str],
    *,
    death_signal: signal.Signals,
    as_postgres: bool = False,
    owned: Sequence[Path] = (),
) -> list[str]:
    """Give the command line that runs `command` through this launcher, as a child of the calling process.

    The kernel sends the death signal when the *thread* that started the child ends: start them from the main thread.
    """
    # -I -S: neither the caller's folder nor its PYTHON variables choose what this script imports.
    line = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), f"--parent={os.getpid()}"]
    line.append(f"--death-signal={death_signal.name}")
    if as_postgres:
        line.append("--as-postgres")
    line.extend(f"--owned={path}" for path in owned)
    return [*line, "--", *command]


def main(arguments: Sequence[str]) -> None:
    """Become the program. Ends the process with a plain line on standard error when that is impossible."""
    options = _parse(arguments)
    try:
        if options.as_postgres and os.geteuid() == 0:
            _leave_root(options.owned)
        _restore_signals()
        # Last: every change of identity above makes the kernel forget the death signal.
        _prctl(PR_SET_PDEATHSIG, signal.Signals[options.death_signal])
        if options.parent and os.getppid() != options.parent:
            sys.exit(0)  # the parent died before its death could be noticed
        os.execvp(options.command[0], options.command)  # noqa: S606 - becoming that program is this script's whole job
    except OSError as error:
        print(f"cannot start {options.command[0]}: {error}", file=sys.stderr)
        sys.exit(CANNOT_EXECUTE)


def namespaces_work() -> bool:
    """Say whether root can enter a user namespace here. Tried in a child: a half-made namespace has no way back."""
    child = os.fork()
    if child == 0:
        try:
            _enter_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gelombang.launcher", allow_abbrev=False)
    parser.add_argument("--as-postgres", action="store_true", help="as root: run where root has another name")
    parser.add_argument(
        "--owned", action="append", default=[], type=Path, help="a folder that must belong to the program"
    )
    parser.add_argument("--death-signal", default="SIGKILL", choices=[name.name for name in signal.Signals])
    parser.add_argument("--parent", type=int, default=0, help="start nothing if this is not the parent any more")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def _restore_signals() -> None:
    """Undo what Python, or a shell that started us in the background, made this process ignore: exec would keep it."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _leave_root(owned: Sequence[Path]) -> None:
    if namespaces_work():
        _give(owned, user=0, group=os.getegid())
        _enter_namespace()
        return
    group = pwd.getpwuid(UNPRIVILEGED_ID).pw_gid
    _give(owned, user=UNPRIVILEGED_ID, group=group)
    _become_nobody(group)
    _check_reach(owned)


def _give(folders: Sequence[Path], *, user: int, group: int) -> None:
    """Make the folders belong to whoever PostgreSQL will be; an earlier run may have been the other one."""
    for folder in folders:
        owner = folder.stat().st_uid
        if owner == user:
            continue
        if owner not in {0, UNPRIVILEGED_ID}:
            raise PermissionError(errno.EPERM, "it belongs to another user", str(folder))
        for parent, _, files in os.walk(folder):
            for path in (parent, *(os.path.join(parent, name) for name in files)):  # noqa: PTH118 - thousands of files
                os.chown(path, user, group, follow_symlinks=False)


def _enter_namespace() -> None:
    """Enter a user namespace in which this user is called nobody and has no power over anything else."""
    user, group = os.geteuid(), os.getegid()
    _call("unshare", CLONE_NEWUSER)  # os.unshare exists from Python 3.12 on
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{UNPRIVILEGED_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{UNPRIVILEGED_ID} {group} 1")


def _become_nobody(group: int) -> None:
    _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    try:
        _keep_reach()
    except OSError:
        return  # root without that capability; _check_reach tells whether it is needed


def _keep_reach() -> None:
    """Keep CAP_DAC_OVERRIDE, alone, through the change of user and the exec."""
    only = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable for capabilities 0 to 31, then the same for 32 to 63
    wanted = (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)
    _call("capset", header, wanted)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def _check_reach(folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            next(folder.iterdir(), None)
        except PermissionError as error:
            advice = (
                "the user nobody, as whom PostgreSQL runs here, cannot enter it; choose --data-dir in an open folder"
            )
            raise PermissionError(errno.EACCES, advice, str(folder)) from error


def _prctl(*arguments: int) -> None:
    # Variadic in C: every argument must be as wide as a register.
    _call("prctl", *(ctypes.c_ulong(argument) for argument in arguments))


def _call(function: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library[function](*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])
