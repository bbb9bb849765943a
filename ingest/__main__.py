"""`python -m ingest`: one front-door process, configured by GELOMBANG_* variables, stopped by SIGTERM."""

from ingest.app import serve
from registration.runtime import run_process

if __name__ == "__main__":
    run_process(serve)
