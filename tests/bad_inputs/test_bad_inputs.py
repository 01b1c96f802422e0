"""Broken inputs over all commands, as data in `cases/`: each ends with status 2 and one message that names
the place, without a traceback, and nothing that was there before is lost or changed.

A case:

    - it: what is wrong
      files: {a.csv: "content"}       # `latin1:`, `hex:` or `times: [[n, text], …]` for what YAML can't hold
      link: {name: target}            # symbolic links
      cut: {path: bytes that stay}    # damage to the sound artefacts of `make_sound`
      remove: [path]
      json: {path: {key: value}}
      flip: {path: offset}
      run: the command line
      says: [parts of the message]
"""

import hashlib
import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = Path(__file__).parent / "cases"
KEYS = {"it", "files", "link", "cut", "remove", "json", "flip", "run", "says"}


def read_cases() -> list[tuple[str, dict[str, Any]]]:
    """(command: what is wrong, case) of all files."""
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            unknown = case.keys() - KEYS
            assert not unknown, f"{path.name}: {case.get('it')}: unknown keys {unknown}"
            found.append((f"{path.stem}: {case['it']}", case))
    return found


def make_sound(folder: Path, llm: Path, judged: Path, run: Callable[..., Any]) -> None:
    """One sound artefact of each kind: `llm`, `small` (a judged collection), `c` (passages), `p` (pruned),
    `a` (examples), `t` (trained), `m` (its model), `i` (an index), `e` (an evaluation), and `r`, the run of a
    recipe."""
    shutil.copytree(llm, folder / "llm")
    shutil.copytree(judged, folder / "small")
    recipe = {
        "run": "r",
        "corpus": {"inputs": ["small"], "languages": ["en"]},
        "prune": {"parent": "llm", "shape": {"layers": 2}, "method": "first"},
        "augment": {"crop": {"min_words": 3}},
        "train": {"steps": 2, "batch": {"size": 2, "negatives": 0}, "retriever": {"dims": [32, 64]}},
        "evaluate": {"models": ["bm25"], "collections": ["small"]},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    done = run("run", "recipe.yaml", cwd=folder)
    assert done.code == 0, done.stderr
    for short, stage in {"c": "corpus", "p": "prune", "a": "augment", "t": "train"}.items():
        shutil.copytree(folder / "r" / stage, folder / short)
    shutil.copytree(folder / "t" / "model", folder / "m")
    for words in (
        ("encode", "m", "small", "--out", "i"),
        ("index", "i"),
        ("evaluate", "bm25", "small", "--out", "e/r.json"),
    ):
        done = run(*words, cwd=folder)
        assert done.code == 0, done.stderr


def prepare(case: Mapping[str, Any], sound: Path, folder: Path) -> None:
    """Copy what the case names, then damage it."""
    text = json.dumps(case)
    if "recipe.yaml" in case["run"]:
        text += " llm small"
    for path in sound.iterdir():
        if any(mark in text for mark in (f"{path.name}/", f" {path.name}", f'"{path.name}"')):
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, folder / path.name)
    for name, content in case.get("files", {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_content(content))
    for name, target in case.get("link", {}).items():
        (folder / name).symlink_to(target)
    for name, size in case.get("cut", {}).items():
        path = folder / name
        path.write_bytes(path.read_bytes()[:size])
    for name in case.get("remove", []):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, values in case.get("json", {}).items():
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    for name, offset in case.get("flip", {}).items():
        path = folder / name
        raw = bytearray(path.read_bytes())
        raw[offset] ^= 0xFF
        path.write_bytes(raw)


def _content(value: Any) -> bytes:
    """Text in UTF-8; `latin1: …`, `hex: …`, or `times: [n, text]` for what YAML can't hold."""
    if isinstance(value, str):
        return value.encode()
    ((kind, inner),) = value.items()
    if kind == "latin1":
        return inner.encode("latin-1")
    if kind == "hex":
        return bytes.fromhex(inner)
    assert kind == "times", kind
    return b"".join(_content(part) * n for n, part in inner)


def snapshot(folder: Path) -> dict[str, str]:
    """Path → hash of every file."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


ALL = read_cases()


@pytest.fixture(scope="session")
def sound(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_llm: Path,
    small_collection: Path,
    run_drama: Callable[..., Any],
) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    make_sound(folder, tiny_llm, small_collection, run_drama)
    return folder


def test_there_are_at_least_200_cases_with_different_names() -> None:
    assert len(ALL) >= 200
    assert len({name for name, _ in ALL}) == len(ALL)


@pytest.mark.parametrize(("name", "case"), ALL, ids=[name for name, _ in ALL])
def test_bad_input(
    name: str,
    case: dict[str, Any],
    sound: Path,
    tmp_path: Path,
    run_drama: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DRAMA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # no wheel is fetched for a model that is not there
    folder = tmp_path / "sandbox"
    folder.mkdir()
    prepare(case, sound, folder)
    before = snapshot(folder)
    done = run_drama(*shlex.split(case["run"]), cwd=folder)
    message = " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr, done.stderr
    assert done.code == 2, (done.code, done.stdout, done.stderr)
    for part in case["says"]:
        assert part in message, done.stderr
    assert done.stderr.count("error:") + done.stderr.count("Usage:") == 1, done.stderr
    after = snapshot(folder)
    lost = {path for path, digest in before.items() if after.get(path) != digest}
    assert not lost, f"changed or removed: {sorted(lost)}"
