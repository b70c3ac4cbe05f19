"""dvc.yaml, params.yaml and the imports tell the same story."""

import ast
import os
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
FILES = ["dvc.yaml", "data/dvc.yaml", "models/dvc.yaml"]
# these start in about a second: no torch
LIGHT = ["sample", "prepare", "audit", "similarity", "evaluate", "match", "distract", "compress", "cost", "report"]
NO_CODE = {"src/__init__.py", "src/stages/__init__.py"}
SELF_DECLARED = {"chosen": {"model", "models"}}  # Params.chosen reads two keys


def stages() -> dict[str, dict[str, Any]]:
    """Every stage of the main graph by name."""
    return {
        name: stage for file in FILES for name, stage in yaml.safe_load((ROOT / file).read_text())["stages"].items()
    }


STAGES = stages()
MODULES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*.py"))


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


def file_of(module: str) -> str | None:
    """'src.images' -> 'src/images.py'; None for what is no module of ours (a name inside one, a library)."""
    base = ROOT / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.exists() and module.startswith("src"):
            return str(path.relative_to(ROOT))
    return None


@cache
def imports(file: str) -> frozenset[str]:
    """The files of ours that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {file_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {file_of(f"{node.module}.{alias.name}") or file_of(node.module) for alias in node.names}
    return frozenset(name for name in found if name and name not in {"src/__init__.py", file})


def reached(file: str) -> set[str]:
    """A file and everything of ours it reaches."""
    seen, waiting = set(), [file]
    while waiting:
        if (now := waiting.pop()) not in seen:
            seen.add(now)
            waiting += imports(now)
    return seen


@cache
def floor(file: str) -> int:
    """The floor a module says it stands on; stages are the top one, their docstrings are for who runs them."""
    if file.startswith("src/stages/"):
        return 3
    found = re.match(r"Floor (\d)\. ", ast.get_docstring(tree(file)) or "")
    assert found, f"{file}: its docstring must begin with 'Floor N. '"
    return int(found[1])


def command_file(stage: dict[str, Any]) -> str:
    found = re.match(r"python -m ([\w.]+)", stage["cmd"])
    assert found, stage["cmd"]
    return str(file_of(found[1]))


def members(node: ast.AST, name: str) -> set[str]:
    """What is read of `name`, as `name.<member>`."""
    found = [child for child in ast.walk(node) if isinstance(child, ast.Attribute)]
    return {child.attr for child in found if isinstance(child.value, ast.Name) and child.value.id == name}


def attributes(file: str) -> set[str]:
    """Top-level params keys that a stage file reads, as `params.<key>`, itself or in functions of other stages."""
    read = members(tree(file), "params")
    for other in (path for path in imports(file) if path.startswith("src/stages/")):
        used = members(tree(file), Path(other).stem)
        functions = [node for node in tree(other).body if isinstance(node, ast.FunctionDef) and node.name in used]
        read = read.union(*(members(function, "params") for function in functions))
    return set().union(*(SELF_DECLARED.get(name, {name}) for name in read))


def expanded(text: str, stage: dict[str, Any]) -> list[str]:
    """A text of dvc.yaml with each value of the matrix that is written there: `${item.recipe}` is two recipes."""
    found = re.match(r"\$\{item\.(\w+)\}", text)
    values = stage["matrix"][found[1]] if found else []
    return [text.replace(found[0], value) for value in values] if found and isinstance(values, list) else [text]


@pytest.mark.parametrize("file", [file for file in MODULES if file != "src/__init__.py"])
def test_imports_only_point_down(file: str) -> None:
    higher = [other for other in imports(file) if floor(other) > floor(file)]
    assert not higher, f"{file} (floor {floor(file)}) imports from above: {higher}"


@pytest.mark.parametrize("file", MODULES)
def test_no_module_reaches_itself(file: str) -> None:
    assert not [other for other in imports(file) if file in reached(other) and not other.endswith("__init__.py")]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_code_it_reaches(name: str) -> None:
    """Floor 0 is left out: words cannot change a number, and a longer word list must not re-run a night of tuning."""
    code = {file for file in reached(command_file(STAGES[name])) if file not in NO_CODE and floor(file) > 0}
    declared = [dep for dep in STAGES[name]["deps"] if dep.startswith("src")]
    covered = {file for file in code if any(file == dep or file.startswith(f"{dep}/") for dep in declared)}
    idle = [dep for dep in declared if not any(file == dep or file.startswith(f"{dep}/") for file in code)]
    assert (sorted(code - covered), idle) == ([], []), "(reached but not declared, declared but not reached)"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_exactly_the_params_it_reads(name: str) -> None:
    params = [param for text in STAGES[name].get("params", []) for param in expanded(text, STAGES[name])]
    declared = {param.split(".")[0] for param in params}
    assert declared == attributes(command_file(STAGES[name])) - {"runtime"}


@pytest.mark.parametrize("name", STAGES)
def test_outputs_have_constant_paths(name: str) -> None:
    """A swept value in a path would delete the other model's results and leave metrics diff half empty."""
    stage = STAGES[name]
    listed = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    outs = [out if isinstance(out, str) else next(iter(out)) for out in listed]
    assert outs
    for out in outs:
        assert "${" not in re.sub(r"\$\{item\.\w+\}", "", out)
        assert "model" not in re.findall(r"\$\{item\.(\w+)\}", out)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_says_what_it_does(name: str) -> None:
    """Two stages share a file where what they run on cannot be one list in dvc.yaml."""
    module = name.removesuffix("_merged")
    assert command_file(STAGES[name]) == f"src/stages/{module}.py"
    ran = subprocess.run(
        [sys.executable, "-m", f"src.stages.{module}", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"src.stages.{module}" in ran.stdout


def test_stages_that_share_a_file_differ_in_their_matrix_and_in_whose_cost_they_pass_on() -> None:
    one, other = (STAGES[name] | {"matrix": {}} for name in ("cross_tune", "cross_tune_merged"))
    spent = "data/cost/merged_tune/${item.method}/${item.source}"
    assert one | {"deps": [spent, *one["deps"]]} == other


@pytest.mark.parametrize("name", LIGHT)
def test_light_stages_do_not_import_torch(name: str) -> None:
    code = f"import sys, src.stages.{name}; print([m for m in ('torch', 'timm', 'sklearn') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


EMBEDS = ["extract", "fine_tune", "merged_tune", "hybrid_tune", "interpolate", "hybrid_embed", "cross_tune"]


@pytest.mark.parametrize("name", EMBEDS)
def test_a_stage_that_embeds_cannot_reach_the_hub(name: str) -> None:
    """Its client reads HF_HUB_OFFLINE when it is first imported: src.command must come before any library."""
    code = (
        f"import sys, os, src.stages.{name} as stage; from src import command; from src.backbones import library\n"
        "assert 'huggingface_hub' not in sys.modules\n"
        "command.guard = lambda main, **arguments: library('timm')\n"
        "sys.argv = ['stage', *'ab'[:stage.main.__code__.co_argcount]]; command.run(stage.main)\n"
        "from huggingface_hub import constants; print(constants.HF_HUB_OFFLINE)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "True"


def test_every_rendered_family_has_its_stage_and_its_catalogue_entry() -> None:
    from src.sample.catalogue import FAMILIES

    assert STAGES["sample"]["matrix"]["family"] == list(FAMILIES)
    catalogue = yaml.safe_load((ROOT / "params.yaml").read_text())["catalogue"]
    assert {f"sample_{family}" for family in FAMILIES} <= catalogue.keys()


def test_the_main_graph_is_not_linked_to_the_pretraining_of_the_sample_backbones() -> None:
    """Otherwise the first `dvc repro` in a clone would train them."""
    made = yaml.safe_load((ROOT / "models/sample/dvc.yaml").read_text())["stages"].values()
    outs = [Path("models/sample") / stage["wdir"] / name for stage in made for out in stage["outs"] for name in out]
    assert outs
    assert all(os.path.normpath(out).startswith("models/sample/build") for out in outs)
    for stage in STAGES.values():
        assert not [dep for dep in stage["deps"] if dep.startswith("models/sample/build")]


def test_every_library_that_is_imported_is_pinned() -> None:
    """What comes along with another library today may stay away tomorrow."""
    nodes = [node for file in MODULES for node in ast.walk(tree(file))]
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    ours = {name.partition(".")[0] for name in named} - sys.stdlib_module_names - {"src"}
    canonical = {dist.lower().replace("_", "-") for name in ours for dist in packages_distributions()[name]}
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text().replace("_", "-").lower(), re.M)
    assert not canonical - set(pinned)


def test_the_package_is_not_installed() -> None:
    """An editable install would run the original's code in `dvc exp run --temp` and in the queue."""
    assert not (ROOT / "setup.py").exists()
    assert "build-system" not in (ROOT / "pyproject.toml").read_text()
    assert "-e ." not in (ROOT / "Makefile").read_text()
