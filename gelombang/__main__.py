"""The command `gelombang` and its subcommands, one module for each.

What a person can mend (CommandError) ends with one plain line and exit code 3; a bug ends with its traceback.
"""

import sys

import typer

from gelombang import affected, config, dead, keys, subject, wave
from gelombang.bench import bench
from gelombang.chaos import chaos
from gelombang.crowd import crowd
from gelombang.doctor import doctor
from gelombang.errors import CommandError
from gelombang.forecast import forecast
from gelombang.game_day import game_day
from gelombang.ledger import ledger
from gelombang.migrate import migrate
from gelombang.pauses import pause, resume
from gelombang.processes import ingest, worker
from gelombang.prove import prove
from gelombang.rehearse import rehearse
from gelombang.status import status
from gelombang.trial import try_
from gelombang.up import up
from gelombang.waiting import waiting_page

app = typer.Typer(
    name="gelombang",
    help="Takes in registrations at burst scale and verifies them without losing one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a bug's traceback as Python prints it, without the values of variables
)


# Each module keeps what is slow to import inside its functions, so that `gelombang --help` answers at once.
app.command()(doctor)
app.command()(up)
app.command()(ingest)
app.command()(worker)
app.command()(migrate)
app.command()(status)
app.command()(ledger)
app.command()(pause)
app.command()(resume)
app.command("try")(try_)
app.command()(bench)
app.command()(rehearse)
app.command()(crowd)
app.command("waiting-page")(waiting_page)
app.command()(chaos)
app.command("game-day")(game_day)
app.command()(prove)
app.command()(forecast)
app.add_typer(dead.app, name="dead", help="Work that was set aside: list it, give it back.")
app.add_typer(keys.app, name="keys", help="The sealing keys: list, rotate, reseal, retire.")
app.add_typer(subject.app, name="subject", help="What is held about one person: export it, erase it.")
app.add_typer(affected.app, name="affected", help="Lists of affected workers from ministries and local offices.")
app.add_typer(wave.app, name="wave", help="The waves: plan, list, open, close, select.")
app.add_typer(config.app, name="config")


def main() -> None:
    """Run the command line."""
    try:
        app()
    except CommandError as error:
        print(f"gelombang: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
