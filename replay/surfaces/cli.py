"""The `replay` command: its verbs are in `replay.surfaces.verbs`.

Heavy modules are imported inside the verbs: `replay --help` and completion must answer at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from replay.errors import ReplayError
from replay.surfaces.verbs import VERBS
from replay.surfaces.verbs.shared import EXPECTED, INTERRUPTED, NOT_RUN, complain

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What a file answers that stdout was sent to: no verdict."""
PIPE_CLOSED = 141
"""128 + SIGPIPE, as a shell reports it."""

EPILOG = (
    "A recording is named PATH, PATH::ID or PATH::ID-prefix; PATH is a bundle or a folder of bundles. "
    "Exit codes: 0 as expected, 1 not as expected, 2 usage, 3 bundle refused, missing or not written, 4 could not be "
    "run."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # to the end
    try:
        code = cli.main(None if argv is None else list(argv), prog_name="replay", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return EXPECTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not fail again
        return PIPE_CLOSED
    except ReplayError as error:
        complain(error)
        return error.exit_code
    except OSError as error:
        if error.errno not in NO_ROOM or error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        complain(ReplayError(f"stdout cannot be written: {error.strerror}. What was printed is not whole"))
        return NOT_RUN
    return code if isinstance(code, int) else EXPECTED


class Verbs(click.Group):
    """Commands in their own order, each imported when asked for; a closed pipe keeps its own type."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"replay.surfaces.verbs.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its whole first sentence: click would cut it after a line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(limit=1000)) for name, each in commands if each])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would turn it into exit code 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(PIPE_CLOSED)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from replay import __version__

        click.echo(f"replay-harness {__version__}")
        ctx.exit()


@click.group(cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def cli() -> None:
    """Record production incidents, replay them offline, keep them as regression tests."""


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


if __name__ == "__main__":
    sys.exit(main())
