"""`python -m verify_workers KIND`: one worker process, configured by GELOMBANG_* variables, stopped by SIGTERM."""

import sys

from registration.runtime import run_process
from verify_workers.workers import WORKERS

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in WORKERS:  # noqa: PLR2004 - the program and its one argument
        sys.exit(f"usage: python -m verify_workers {{{','.join(WORKERS)}}}")
    run_process(WORKERS[sys.argv[1]])
