"""The bench's summary: tables, paired tests with Holm's correction, and the choice between halves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from drama.evaluate.significance import holm, paired_randomisation
from drama_bench.result import write_result
from drama_bench.student.rows import HYBRID, SMOOTHED
from drama_bench.student.worlds import HALVES

Table = dict[str, dict[str, dict[str, float]]]
"""Row → collection → query → nDCG@10, mean over seeds."""
_BASELINES = "baselines"


def summarise(out: Path, size: str, names: Sequence[str]) -> Path:
    """Write `student-SIZE.json` and a Markdown table beside it, from the raw files of a size."""
    raw = [json.loads(path.read_text()) for path in sorted((out / "student" / size).glob("*.json"))]
    free = _table([each for each in raw if "arm" not in each["settings"]])
    arms = sorted({each["settings"]["arm"] for each in raw if "arm" in each["settings"]})
    students = {arm: _table([each for each in raw if each["settings"].get("arm") == arm]) for arm in arms}
    teachers = sorted({name for each in raw for name in each["settings"]["teachers"]})
    summary: dict[str, Any] = {"size": size, "collections": list(names)}
    summary["best_teacher"] = _means(_best({name: free[name] for name in teachers}))
    summary["teacher_plus_bm25"] = _means(_best({name: free[f"{name} + bm25"] for name in teachers}))
    if arms:
        chosen = _chosen(students, names)
        summary["chosen"] = chosen
        summary["alone"] = _unseen(students, chosen, SMOOTHED, names)
        summary["hybrid"] = _unseen(students, chosen, HYBRID, names)
        summary["unseen"] = [name for name in names if name not in HALVES["tuned_before"]]
        summary["minutes"] = {
            f"{each['settings']['arm']}-{each['settings']['seed']}": each["summary"]["minutes"]
            for each in raw
            if "arm" in each["settings"]
        }
        summary["tests"] = _tests(free, students, teachers)
    text = _markdown(free, students, names)
    (out / f"student-{size}.md").write_text(text, encoding="utf-8")
    print(text)
    rounds = [
        {"row": f"{arm}: {row}" if arm else row, "nDCG@10": _means(of)}
        for arm, table in [("", free), *students.items()]
        for row, of in table.items()
    ]
    if size == "mixed":
        write_result(out / "student.json", rounds, summary, ())
    return write_result(out / f"student-{size}.json", rounds, summary, ())


def _table(raw: Sequence[Mapping[str, Any]]) -> Table:
    """Rows of several raw files: those of several seeds are averaged query by query."""
    seen: dict[str, dict[str, list[dict[str, float]]]] = {}
    for each in raw:
        for found in each["rounds"]:
            for row, values in found["by_query"].items():
                seen.setdefault(row, {}).setdefault(found["collection"], []).append(values)
    return {
        row: {name: {q: mean(v[q] for v in seeds) for q in seeds[0]} for name, seeds in of.items()}
        for row, of in seen.items()
    }


def _means(of: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {name: round(mean(values.values()), 4) for name, values in of.items()}


def _mean(of: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> float:
    found = _means(of)
    return mean(found[name] for name in names if name in found)


def _best(rows: Mapping[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return max(rows.values(), key=lambda of: mean(_means(of).values()))


def _chosen(students: Mapping[str, Table], names: Sequence[str]) -> dict[str, str]:
    """Half → the arm whose hybrid is best on it, to be reported on the other. Collections that are in no half
    are one of their own, and the arm is the best one there."""
    halves = _halves(names)
    return {
        half: max(students, key=lambda arm: _mean(students[arm][HYBRID], halves[half])) for half in halves
    }


def _halves(names: Sequence[str]) -> dict[str, list[str]]:
    found = {half: [name for name in names if name in HALVES[half]] for half in "ab"}
    return found if all(found.values()) else {"all": list(names)}


def _unseen(
    students: Mapping[str, Table], chosen: Mapping[str, str], row: str, names: Sequence[str]
) -> dict[str, float]:
    """Each collection by the arm that was chosen on the other half."""
    found: dict[str, float] = {}
    others = {"a": "b", "b": "a", "all": "all"}
    for half, own in _halves(names).items():
        found |= {n: v for n, v in _means(students[chosen[others[half]]][row]).items() if n in own}
    return {name: found[name] for name in names if name in found}


def _tests(free: Table, students: Mapping[str, Table], teachers: Sequence[str]) -> list[dict[str, Any]]:
    """Student against teacher, hybrid against teacher + BM25, on each collection; p after Holm over all."""
    pairs = {
        f"{arm} {row} against {against} on {name}": (table[row][name], free[against][name])
        for arm, table in students.items()
        for teacher in teachers
        for row, against in ((SMOOTHED, teacher), (HYBRID, f"{teacher} + bm25"))
        for name in table[row]
    }
    corrected = holm({test: paired_randomisation(a, b) for test, (a, b) in pairs.items()})
    return [
        {
            "test": test,
            "difference": round(mean(a.values()) - mean(b.values()), 4),
            "p": round(corrected[test], 4),
        }
        for test, (a, b) in pairs.items()
    ]


def _markdown(free: Table, students: Mapping[str, Table], names: Sequence[str]) -> str:
    """One table: rows × collections, and the means of both halves and of all."""
    named = [name for name in names if name in next(iter(free.values()))]
    halves = [own for half, own in _halves(named).items() if half != "all"]
    heads = ["half a", "half b"] if halves else []
    lines = ["| nDCG@10 | " + " | ".join([*named, *heads, "mean"]) + " |"]
    lines.append("|---" * (len(named) + len(heads) + 2) + "|")
    for arm, table in [("", free), *students.items()]:
        for row, of in table.items():
            values = _means(of)
            of_halves = [_mean(of, own) for own in halves]
            cells = [*(values[name] for name in named), *of_halves, mean(values[name] for name in named)]
            lines.append(
                f"| {f'{arm}: {row}' if arm else row} | " + " | ".join(f"{v:.3f}" for v in cells) + " |"
            )
    return "\n".join(lines) + "\n"
