"""`python -m verify_workers KIND`: one worker process, configured by GELOMBANG_* variables, stopped by SIGTERM."""

import sys
from functools import partial

from registration.checks import Kind
from registration.runtime import run_process
from verify_workers.pool import serve

if __name__ == "__main__":
    kinds = {kind.value: kind for kind in Kind}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:  # noqa: PLR2004 - the program and its one argument
        sys.exit(f"usage: python -m verify_workers {{{','.join(kinds)}}}")
    run_process(partial(serve, kinds[sys.argv[1]]))
