"""The command `leaderboard`, on what `dvc exp show --json` prints."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from exp_show import experiment, shown

from src import experiments, leaderboard
from src.errors import UserError

SIGLIP: dict[str, Any] = {
    "model": "siglip",
    "models": {"siglip": {"library": "sample", "checkpoint": "clip", "family": "text_image", "licence": "MIT"}},
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def show(monkeypatch: pytest.MonkeyPatch, *runs: dict[str, Any]) -> None:
    monkeypatch.setattr(experiments, "show", lambda *_: shown(*runs))


def test_it_prints_a_row_a_model_and_writes_page_and_table(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = [experiment("a", 0, 0.5, **SIGLIP), experiment("b", 1, 0.7, **SIGLIP)]
    interval = {"low": 0.412, "high": 0.588, "by": "label"}
    for one in seeds:
        one["data"]["metrics"]["metrics/top_tuned.json"]["data"]["mean"]["interval"] = interval
    show(monkeypatch, experiment("main", 0, 0.2, models={"tiny": {"library": "of old"}}), *seeds)
    leaderboard.main([])
    assert capsys.readouterr().out.splitlines() == [
        "mMP@5 in % (95 % interval) ± deviation over seeds, mean over cars, food",
        "  model   family      licence  size  parameters   GMACs           top_tuned",
        "  siglip  text_image  MIT       256       1.25M  0.0339  55.0 (41–59) ±7.07",
        "  tiny    unknown     unknown     –           –       –                35.0",
        "",
        "metrics/leaderboard.html, metrics/leaderboard.csv",
    ]
    table = pd.read_csv("metrics/leaderboard.csv")
    assert table[["model", "strategy", "mMP@5", "seeds"]].to_numpy().tolist() == [
        ["siglip", "top_tuned", 0.55, 2],
        ["tiny", "top_tuned", 0.35, 1],
    ]
    assert table["dimension"].tolist()[0] == 256
    assert "<h1>Leaderboard</h1>" in Path("metrics/leaderboard.html").read_text()


def test_variants_are_told_apart_by_what_differs(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {"tiny": {"library": "of old"}}
    other = experiment("a", 0, 0.4, models=models, top_tune={"lr": 0.2, "layers": [8]})
    show(monkeypatch, experiment("main", 0, 0.2, models=models), other)
    leaderboard.main([])
    rows = [line.split()[:3] for line in capsys.readouterr().out.splitlines()[1:4]]
    assert rows == [["model", "variant", "family"], ["tiny", "top_tune.lr", "0.2"], ["tiny", "top_tune.lr", "0.1"]]


def test_no_experiment_is_a_line_with_the_command_for_some(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = experiment("main", 0, 0.2) | {"data": None}
    show(monkeypatch, failed)
    with pytest.raises(UserError, match="no experiment with metrics there; make some: dvc exp run --queue"):
        leaderboard.main([])


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        ([], []),
        (["--rev", "main"], ["--rev", "main"]),
        (["--all-commits"], ["--all-commits"]),
    ],
)
def test_what_is_typed_goes_to_dvc(monkeypatch: pytest.MonkeyPatch, typed: list[str], options: list[str]) -> None:
    monkeypatch.setattr("sys.argv", ["leaderboard", *typed])
    assert leaderboard.arguments() == {"options": options}
