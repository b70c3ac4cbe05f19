"""Floor 0. How a module becomes a command: --help, one clear line on a person's mistake, no traceback on Ctrl-C."""

import argparse
import inspect
import os
import sys
from collections.abc import Callable

from src.errors import UserError


def run(main: Callable[..., None], network: bool = False) -> None:
    """Run `main` with one positional argument for each of its parameters; its module's docstring is the --help.

    Without `network` the hub's client, which libraries ask for files on their own, is switched off before any of them
    is imported. Exit code 1 after a UserError, 130 after Ctrl-C; anything else is our own slip and keeps its traceback.
    """
    module = inspect.getmodule(main)
    parser = argparse.ArgumentParser(description=module.__doc__ if module else None)
    for name in inspect.signature(main).parameters:
        parser.add_argument(name)
    if not network:
        os.environ["HF_HUB_OFFLINE"] = "1"
    guard(main, **vars(parser.parse_args()))


def guard(main: Callable[..., None], **arguments: object) -> None:
    """Call `main`; turn a UserError into one line on stderr and exit code 1. A reader who has seen enough ends it."""
    try:
        main(**arguments)
        sys.stdout.flush()
    except UserError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        sys.exit(141)
    except KeyboardInterrupt:
        print("interrupted; finished work is kept, run the same command again to go on", file=sys.stderr)
        sys.exit(130)
