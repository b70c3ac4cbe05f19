"""What DVC, start-up and the pipeline's shape cost around the work itself.

python -m benchmarks.pipeline [--whole --rounds 3]

All in clones of this working tree, in a temporary folder:

- start-up: `--help` of light stages beside `python -c "import pandas"`.
- the whole: `dvc repro` from nothing, beside the same stages called one after the other in one process, which imports
  everything once and has no DVC. That is the floor: what the stages compute.
- nothing changed, and an experiment seen before: beside the same DAG, the same deps, params and outputs by name, whose
  commands only write a line into each output.

By default with two small datasets; `--whole` takes params.yaml as it is, which runs for a quarter of an hour or more.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import yaml

from benchmarks.sides import Seconds, by_turns, timed

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONUNBUFFERED": "1",
    "DVC_NO_ANALYTICS": "1",
    **{f"GIT_{who}_{what}": "benchmark@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
SMALL = {
    "datasets": ["sample_food", "sample_household"],
    "sample": {
        "seed": 7,
        "labels": 6,
        "unseen_labels": {"sample_household": 4},
        "photos": {"train": 6, "gallery": 3, "query": 2, "studio": 1},
        "messiness": 0.5,
        "size": 96,
    },
}
MODELS = ("sample_ssl", "sample_supervised")  # another one, and the default
FILES = ("dvc.yaml", "data/dvc.yaml", "models/dvc.yaml")
LIGHT = ("prepare", "evaluate", "report")


def main() -> None:
    """Measure all and print it."""
    asked = arguments()
    start_up(asked.rounds)
    with TemporaryDirectory() as folder:
        real, stub, alone = (clone(Path(folder) / name, asked.whole) for name in ("real", "stub", "alone"))
        hollow(stub)
        whole(real, alone)
        run(stub, "dvc", "repro")
        seen_before(real, stub, asked.rounds)


def start_up(rounds: int) -> None:
    """Light stages beside pandas."""
    commands = {"python, pandas": ["-c", "import pandas"], "python, torch": ["-c", "import torch"]}
    commands |= {f"{stage} --help": ["-m", f"src.stages.{stage}", "--help"] for stage in LIGHT}
    sides = {name: lambda words=words: run(ROOT, sys.executable, *words) for name, words in commands.items()}
    found = by_turns(sides, rounds)
    print("Start-up")
    for name, spent in found.items():
        ratio = spent / found["python, pandas"]
        print(f"  {name:18} {spent.clock:5.2f} s, {ratio.clock:4.2f} x pandas; processors {ratio.processors:4.2f} x")


def whole(real: Path, alone: Path) -> None:
    """The first run, by kind of stage: with DVC, and the same calls in one process."""
    with_dvc: dict[str, float] = {}
    commands: list[str] = []
    took = timed(lambda: repro(real, with_dvc, commands))
    floor = dict.fromkeys(with_dvc, 0.0)
    code = "from benchmarks import pipeline; pipeline.call()"
    output = run(alone, sys.executable, "-c", code, given="\n".join(commands))
    for kind, seconds in re.findall(r"^called (\w+) ([\d.]+)$", output, re.M):
        floor[kind] += float(seconds)
    [processors] = re.findall(r"^processors ([\d.]+)$", output, re.M)
    least = Seconds(sum(floor.values()), float(processors))
    ratio = took / least
    print(f"\nThe whole, {len(commands)} stages")
    for name, spent in (("dvc repro", took), ("in one process", least)):
        print(f"  {name:15} {spent.clock:7.1f} s, processors {spent.processors:7.1f} s")
    print(f"  {ratio.clock:.2f} x, processors {ratio.processors:.2f} x; by kind of stage:")
    for kind, seconds in with_dvc.items():
        count = sum(f"src.stages.{kind}" in command.split() for command in commands)
        more = f"{(seconds - floor[kind]) / count:5.2f} s more each"
        print(f"  {kind:12} {count:3} in {seconds:6.1f} s, in one process {floor[kind]:6.1f} s: {more}")


def repro(folder: Path, seconds: dict[str, float], commands: list[str]) -> None:
    """`dvc repro`; adds up seconds by kind of stage, from its start until DVC goes on, and notes all commands."""
    kind, since = "", 0.0
    process = subprocess.Popen(
        ["dvc", "repro"], cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    for line in process.stdout:
        if line.startswith(("Running stage", "Updating lock file")) and kind:
            seconds[kind] = seconds.get(kind, 0.0) + perf_counter() - since
            kind = ""
        if found := re.match(r"> (python -m src\.stages\.(\w+).*)", line):
            commands.append(found[1])
            kind, since = found[2], perf_counter()
    assert process.wait() == 0, f"dvc repro failed in {folder}"


def call() -> None:
    """Call the stages that standard input names, a command a line, and print how long each took, imports left out."""
    given = [shlex.split(line)[2:] for line in sys.stdin]
    modules = {name: import_module(name) for name, *_ in given}
    before = sum(os.times()[:4])
    for name, *arguments in given:
        start = perf_counter()
        modules[name].main(*arguments)
        print(f"called {name.rpartition('.')[2]} {perf_counter() - start:.4f}")
    print(f"processors {sum(os.times()[:4]) - before:.1f}")


def seen_before(real: Path, stub: Path, rounds: int) -> None:
    """Nothing changed, then two models by turns, each of which has run; the real DAG beside the hollow one."""
    folders = {"commands that write a line": stub, "ours": real}
    nothing = by_turns({name: lambda at=at: run(at, "dvc", "repro") for name, at in folders.items()}, rounds)
    for folder in folders.values():
        for args in (["git", "add", "-A"], ["git", "commit", "-qm", "run"], [*experiment(MODELS[0])]):
            run(folder, *args)

    def both(at: Path) -> None:
        for model in reversed(MODELS):
            output = run(at, *experiment(model))
            assert "Running stage" not in output, output

    again = by_turns({name: lambda at=at: both(at) for name, at in folders.items()}, rounds, warm_up=False)
    for title, found, share in (("Nothing changed", nothing, 1), ("An experiment seen before", again, len(MODELS))):
        print(f"\n{title}")
        for name, spent in found.items():
            ratio = spent / found["commands that write a line"]
            clock = f"{spent.clock / share:6.2f} s, {ratio.clock:4.2f} x"
            print(f"  {name:27} {clock}; processors {ratio.processors:4.2f} x")


def experiment(model: str) -> list[str]:
    """The command for an experiment with a model."""
    return ["dvc", "exp", "run", "-S", f"model={model}"]


def clone(folder: Path, as_it_is: bool) -> Path:
    """A clone of this working tree, uncommitted changes included, that nothing has run in; small unless `as_it_is`."""
    run(ROOT, "git", "clone", "-q", str(ROOT), str(folder))
    for name in run(ROOT, "git", "ls-files", "-z", "-m", "-o", "--exclude-standard", "--deduplicate").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for file in FILES:
        (folder / file).with_suffix(".lock").unlink(missing_ok=True)
    if not as_it_is:
        params = yaml.safe_load((folder / "params.yaml").read_text()) | SMALL
        params["top_tune"] |= {"epochs": 3}
        params["fine_tune"] |= {"epochs": 2}
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "clone", "--allow-empty")
    return folder


def hollow(folder: Path) -> None:
    """Replace every command by one that writes the model's name into each of its outputs, and commit that."""
    for file in FILES:
        pipeline = yaml.safe_load((folder / file).read_text())
        for stage in pipeline["stages"].values():
            stage["cmd"] = " && ".join(f"({write(out)})" for out in outputs(stage))
        (folder / file).write_text(yaml.safe_dump(pipeline, sort_keys=False))
    run(folder, "git", "commit", "-qam", "hollow")


def outputs(stage: dict[str, Any]) -> list[str]:
    """Paths of all outputs of a stage."""
    listed = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return [out if isinstance(out, str) else next(iter(out)) for out in listed]


def write(out: str) -> str:
    """A shell command that makes an output, a folder where its name has no ending."""
    name = out if Path(out).suffix else f"{out}/line"
    return f'mkdir -p {Path(name).parent} && echo \'{{"model": "${{model}}"}}\' > {name}'


def run(folder: Path, *command: str, given: str = "") -> str:
    """Run a command there; what it prints. Ends with that when it fails."""
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder}:\n{done.stdout[-3000:]}")
    return done.stdout


def arguments() -> argparse.Namespace:
    """The sizes of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whole", action="store_true", help="params.yaml as it is")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
