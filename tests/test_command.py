"""How modules become commands."""

import os
import subprocess
import sys

import pytest

from src import command
from src.errors import UserError


def fail_for_a_person() -> None:
    """Stand-in for a stage that meets a person's mistake."""
    raise UserError("unknown model 'siglp'")


def fail_for_us() -> None:
    """Stand-in for a stage with a slip of ours."""
    raise KeyError("slip")


def interrupted() -> None:
    """Stand-in for a stage during which someone presses Ctrl-C."""
    raise KeyboardInterrupt


def test_a_persons_mistake_is_one_line_and_a_failing_exit_code() -> None:
    with pytest.raises(SystemExit) as caught:
        command.guard(fail_for_a_person)
    assert caught.value.code == "error: unknown model 'siglp'"


def test_our_own_slip_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        command.guard(fail_for_us)


def test_ctrl_c_leaves_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.guard(interrupted)
    assert caught.value.code == 130
    assert "again" in capsys.readouterr().err


def test_a_reader_who_has_seen_enough_ends_it_quietly() -> None:
    code = "from src import command; command.guard(lambda: [print('line', n) for n in range(100_000)])"
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert writer.stdout and writer.stderr
    assert writer.stdout.readline() == "line 0\n"
    writer.stdout.close()
    assert writer.stderr.read() == ""
    assert writer.wait() == 141


@pytest.mark.parametrize(("network", "offline"), [(True, None), (False, "1")])
def test_the_hub_is_switched_off_unless_a_command_says_it_needs_it(
    network: bool, offline: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["stage"])
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    seen = []

    def main() -> None:
        seen.append(os.environ.get("HF_HUB_OFFLINE"))

    command.run(main, network)
    assert seen == [offline]


def test_arguments_come_from_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def main(dataset: str) -> None:
        seen.append(dataset)

    monkeypatch.setattr("sys.argv", ["stage", "sop"])
    command.run(main)
    assert seen == ["sop"]
