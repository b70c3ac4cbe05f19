"""The command `compare`, on a repository with two commits and a workspace, whose cache is real."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from dvc.repo import Repo

from src import compare, store
from src.differences import Difference
from src.errors import UserError

METHODS = {"pretrained": [""], "cross_tuned": ["top_tuned", "fine_tuned"]}


def git(*words: str) -> None:
    name = ["-c", "user.name=test", "-c", "user.email=test@test"]
    subprocess.run(["git", *name, *words], check=True, capture_output=True)


def write(strategy: str, right: int, model: str = "tiny", **changes: object) -> None:
    """data/queries/<strategy>: of 50 queries of cars the first `right` ones score 1, of food all; protocol b never."""
    parts = [
        pd.DataFrame({
            "strategy": strategy,
            "dataset": dataset,
            "protocol": protocol,
            "method": method,
            "source": "shoes" if method else "",
            "image_id": [str(at) for at in range(50)],
            "n_relevant": 3,
            "cluster": range(50),
            "clustered_by": "query",
            "mMP@5": [1.0] * score + [0.0] * (50 - score),
        })
        for method in METHODS[strategy]
        for dataset, most in (("food", 50), ("cars", right))
        for protocol, score in (("phone", most), ("studio", 0))
    ]  # fmt: skip
    folder = Path("data/queries", strategy)
    store.write_table(folder / "queries.parquet", pd.concat(parts, ignore_index=True).assign(**changes))
    store.write_json(folder / "metrics.json", {"model": model})


def write_params(model: str = "tiny", strategies: str = "[pretrained, cross_tuned]") -> None:
    Path("params.yaml").write_text(f"model: {model}\ndatasets: [cars, food]\nstrategies: {strategies}\n")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tag `first`: 10 of cars right; tag `older`: a table without clusters; HEAD: 40 right; the workspace: 45."""
    root = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        git("init", "-q")
        repo = Repo.init()
        write_params()
        for tag, right, model in (("first", 10, "tiny"), ("older", 10, "tiny"), ("second", 40, "tiny")):
            for strategy in METHODS:
                write(strategy, right, model)
                if tag == "older":
                    path = Path("data/queries", strategy, "queries.parquet")
                    store.write_table(path, store.read_table(path).drop(columns="cluster"))
            repo.add([f"data/queries/{strategy}" for strategy in METHODS])
            git("add", ".")
            git("commit", "-qm", tag)
            git("tag", tag)
        write("pretrained", 45)
    return root


@pytest.fixture(autouse=True)
def here(history: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In that repository, whose params are as they were at the end."""
    monkeypatch.chdir(history)
    params = Path("params.yaml").read_text()
    yield
    Path("params.yaml").write_text(params)


def printed(capsys: pytest.CaptureFixture[str], *revisions: str, strategies: tuple[str, ...] = ()) -> list[str]:
    compare.main(revisions, strategies, "mMP@5")
    return capsys.readouterr().out.splitlines()


def test_two_commits_are_compared_from_dvc_s_cache(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "first", "second")
    assert lines[:7] == [
        "mMP@5 in %, A: first (tiny), B: second (tiny)",
        "",
        "pretrained",
        "  dataset      A      B  B - A   95 % interval       p  Holm's p  drawn by",
        "  mean      60.0   90.0  +30.0  +23.0 to +37.0  0.0001    0.0001  query     B is better",
        "  cars      20.0   80.0  +60.0  +46.0 to +74.0  0.0001    0.0002  query     B is better",
        "  food     100.0  100.0    0.0      0.0 to 0.0  1.0000    1.0000  query     no difference shown",
    ]
    assert [line for line in lines if line.startswith("cross")] == ["cross_tuned.top_tuned", "cross_tuned.fine_tuned"]


def test_without_a_name_head_is_held_against_the_workspace(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys)
    assert lines[0] == "mMP@5 in %, A: HEAD (tiny), B: workspace (tiny)"
    assert lines[5].split()[:4] == ["cars", "80.0", "90.0", "+10.0"]
    assert lines[lines.index("cross_tuned.top_tuned") + 1] == "  no query scores otherwise"


def test_two_strategies_of_one_revision_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, strategies=("pretrained", "cross_tuned.top_tuned"))
    assert lines[0] == "mMP@5 in %, A: pretrained of workspace (tiny), B: cross_tuned.top_tuned of workspace (tiny)"
    assert lines[4].split()[:4] == ["cars", "90.0", "80.0", "−10.0"]


@pytest.mark.parametrize(
    ("given", "of_strategies", "meant"),
    [
        ([], False, ("HEAD", "workspace")),
        (["main"], False, ("main", "workspace")),
        (["main", "tall"], False, ("main", "tall")),
        ([], True, ("workspace", "workspace")),
        (["main"], True, ("main", "main")),
        (["main", "tall"], True, ("main", "tall")),
    ],
)
def test_what_is_not_named(given: list[str], of_strategies: bool, meant: tuple[str, str]) -> None:
    assert compare.sides(given, of_strategies) == meant


def test_a_difference_is_a_line_with_its_verdict() -> None:
    found = Difference("cars", 0.5, 0.438, -0.101, -0.02, p=0.004, holm=0.012, queries=120, by="label")
    assert compare.table([found]) == [
        "  dataset     A     B  B - A  95 % interval       p  Holm's p  drawn by",
        "  cars     50.0  43.8   −6.2  −10.1 to −2.0  0.0040    0.0120  label     A is better",
    ]


@pytest.mark.parametrize(
    ("revisions", "strategies", "metric", "message"),
    [
        (["nowhere", "first"], [], "mMP@5", "no params.yaml of 'nowhere' .*; known: workspace, commits, experiments"),
        (["first", "older"], [], "mMP@5", "older: data/queries/.* is older than its column 'cluster'; run `dvc repro`"),
        ([], [], "R@2", "unknown metric 'R@2' in the command; .* Did you mean"),
        ([], ["pretrained", "tuned"], "mMP@5", "unknown strategy 'tuned' in params.yaml of workspace; known: cross"),
        ([], ["pretrained", "cross_tuned"], "mMP@5", "unknown strategy 'cross_tuned' in the tables .*cross_tuned.fine"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    revisions: list[str], strategies: list[str], metric: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        compare.main(revisions, strategies, metric)
    assert "\n" not in str(caught.value)


def test_a_table_of_another_model_is_refused() -> None:
    write_params(model="siglip")
    with pytest.raises(
        UserError, match=r"workspace: data/queries/pretrained/queries.parquet is of model 'tiny', params"
    ):
        compare.main([], [], "mMP@5")


def test_revisions_without_a_common_strategy_are_told_apart_by_name() -> None:
    write_params(strategies="[top_tuned]")
    with pytest.raises(UserError, match=r"HEAD and workspace have no strategy in common; .* --strategies A B"):
        compare.main([], [], "mMP@5")


def test_a_workspace_that_never_ran_is_told_how() -> None:
    write_params(strategies="[fine_tuned]")
    with pytest.raises(UserError, match=r"data/queries/fine_tuned/queries.parquet is missing; run `dvc repro`"):
        compare.main([], ["fine_tuned", "fine_tuned"], "mMP@5")


def test_what_was_never_pulled_is_told_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("clone", "-q", ".", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    with pytest.raises(
        UserError, match=r"first: .*/queries.parquet is neither in DVC's cache nor .*`dvc push` it where"
    ):
        compare.main(["first", "second"], [], "mMP@5")


def test_a_remote_that_has_it_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git("clone", "-q", ".", str(tmp_path / "clone"))
    cache = Path(".dvc/cache").resolve()
    monkeypatch.chdir(tmp_path / "clone")
    Path(".dvc/config").write_text(f"[core]\n    remote = shelf\n['remote \"shelf\"']\n    url = {cache}\n")
    assert printed(capsys, "first", "second")[5].split()[:4] == ["cars", "20.0", "80.0", "+60.0"]
