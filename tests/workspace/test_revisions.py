"""Every stage states the revision of its code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import drama

SOURCES = Path(drama.__file__).parent
OPENERS = ("open_stage", "open_stage_together")


def openings() -> Iterator[tuple[Path, ast.Module, ast.Call]]:
    """The calls that open a stage, but for those of the two functions themselves."""
    for file in SOURCES.rglob("*.py"):
        if file.name == "stage.py" and file.parent.name in ("workspace", "compute"):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OPENERS:
                yield file, tree, node


def test_every_stage_states_its_revision() -> None:
    stages = 0
    for file, tree, call in openings():
        (name,) = [k.value.id for k in call.keywords if k.arg == "revision" and isinstance(k.value, ast.Name)]
        values = [
            node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        ]
        assert len(values) == 1, file
        assert type(values[0]) is int, file
        assert values[0] >= 1, file
        stages += 1
    assert stages == 10  # with preferences, pseudo and quality
