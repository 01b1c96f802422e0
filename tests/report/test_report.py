"""The page and the tables, from files as stages leave them."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from drama.errors import FileError
from drama.files import write_json, write_text
from drama.files.checksums import write_sealed_json
from drama.report import print_results, print_summary, write_report
from drama.report.plots import bars, loss_curve, pruning_curves, small_curves, widths
from drama.settings import Section
from drama.workspace import open_stage


class Demo(Section):
    size: int = 1


def row(model: str, dim: int | None, ndcg: float, collection: str = "known-items") -> dict[str, Any]:
    return {
        "model": model, "collection": collection, "dim": dim, "documents_per_second": 1234.6,
        "metrics": {"nDCG@10": ndcg, "R@100": 0.9, "RR@10": 0.4}, "p_value_vs_bm25": None,
    }  # fmt: skip


RESULTS = [
    row("bm25", None, 0.5),
    row("student", 64, 0.611),
    row("student", 32, 0.522),
    row("student + bm25", 64, 0.633),
    row("/a/way/train/model", 64, 0.1),
    row("/other/way/train/model", 64, 0.2),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "my run"
    with open_stage(folder / "corpus", "corpus", Demo(), {}, seed=7) as stage:
        stage.count("ok", 1998)
        stage.count("exact <duplicate>", 2)
        stage.figures["languages"] = {"fi": 1998}
    with open_stage(folder / "prune", "prune", Demo(), {}, seed=7) as stage:
        row = {"name": "<yo>", "parent": 20.0, "sliced": 900.0, "pruned": 61.239, "ratio": 3.062}
        stage.figures["perplexity_by_language"] = [{**row, "read": False, "lost": True}]
        stage.figures["languages_lost"] = "lost (more than 2 times): <yo> (x3.06)"
        values = [[0.0, 0.5], [1.0, 0.25]]
        maps = [{"title": "heads: $kept$", "rows": "layer", "columns": "head", "values": values}]
        write_sealed_json(stage.folder / "round-1/maps.json", {"maps": maps})
    with open_stage(folder / "augment", "augment", Demo(), {}, seed=7) as stage:
        counts = {"positives": [0, 1, 3], "<dropped> $x": [2, 0, 0]}
        stage.figures["histograms"] = {"scores": {"edges": [0.0, 0.5, 1.0, 1.5], "counts": counts}}
        stage.figures["groups"] = [{"source": "web", "kind": "sent", "lang": "fi", "query_words": 8.25}]
    with open_stage(folder / "train", "train", Demo(), {}, seed=7) as stage:
        stage.figures["masked pairs"] = 41
        events = [{"step": s, "loss": 3.0 / s} for s in range(1, 40)]
        write_text(stage.folder / "events.jsonl", "".join(json.dumps(e) + "\n" for e in events))
    with open_stage(folder / "evaluate", "evaluate", Demo(), {}, seed=7) as stage:
        write_json(stage.folder / "results.json", {"results": RESULTS})
    with open_stage(folder / "search", "search", Demo(), {}, seed=7) as stage:
        hit = {"rank": 1, "id": "d[/b]1", "score": 0.75, "text": "a <b>text</b> [bold]"}
        write_json(stage.folder / "examples.json", [{"query": "list[int] or [/]?", "hits": [hit]}])
    write_text(folder / "recipe.yaml", "run: my run\nseed: 7\n")
    return folder


class Nesting(HTMLParser):
    """Fails where a tag is closed that was not the last to be opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.outside += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith("#")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_results_of_another_model_are_not_shown(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("evaluate", "search"):
        shutil.rmtree(run / name)
        with open_stage(run / name, name, Demo(), {"model": run / "train"}) as stage:
            write_json(stage.folder / "results.json", {"results": RESULTS})
            hit = {"rank": 1, "id": "d1", "score": 0.75, "text": "a text"}
            write_json(stage.folder / "examples.json", [{"query": "asked", "hits": [hit]}])
    print_summary(run)
    said = capsys.readouterr().out
    assert "0.611" in said
    assert "asked" in said
    assert "out of date" not in said
    with open_stage(run / "train", "train", Demo(size=2), {}):
        pass
    print_summary(run)
    write_report(run)
    for text in (capsys.readouterr().out, (run / "report.html").read_text()):
        assert "out of date, and not shown: evaluate, search" in text
        assert "0.611" not in text
        assert "asked" not in text
        assert "Nothing was evaluated" not in text


def test_the_page_holds_everything_and_needs_nothing_else(run: Path) -> None:
    page = write_report(run)
    text = page.read_text(encoding="utf-8")
    assert page == run / "report.html"
    for part in ("0.611", "1235", "1998", "exact &lt;duplicate&gt;: 2", "masked pairs", "seed: 7", "fi 1998"):
        assert part in text
    assert "list[int] or [/]?" in text
    assert "a &lt;b&gt;text&lt;/b&gt; [bold]" in text
    assert "query words</th>" in text
    assert '<td data-label="lang">fi</td><td class=n data-label="query words">8.25</td>' in text
    assert "query_words" not in text
    assert text.count("<svg") == 5  # bars, widths, one loss curve, heat maps, one histogram
    bare = re.sub(r' data-label="[^"]*"', "", text)
    assert "<td>&lt;yo&gt;</td><td>yes</td><td>no</td><td class=n>20.00</td><td class=n>900.00</td>" in bare
    assert "<p>lost (more than 2 times): &lt;yo&gt; (x3.06)</p>" in text
    assert text.count("lost (more") == 1
    assert "edges" not in text
    parser = Nesting()
    parser.feed(text)
    assert parser.outside == []


HOSTILE = """</pre></td></svg></style><script>alert(1)</script><img src=x onerror="a()">'-->&amp;<b>$x$ ]]>"""


def test_no_text_from_outside_is_markup(tmp_path: Path) -> None:
    """Every text that a stage leaves, as script and markup: the page has the tags of a tame run."""

    def page(name: str, evil: str) -> Page:
        folder = tmp_path / name
        with open_stage(folder / "corpus", "corpus", Demo(), {}) as stage:
            stage.count(evil, 3)
            stage.figures[evil] = evil
        with open_stage(folder / "prune", "prune", Demo(), {}) as stage:
            numbers = {"parent": 2.0, "sliced": 9.0, "pruned": 6.0, "ratio": 3.0}
            language = {"name": evil, **numbers, "read": False, "lost": True}
            stage.figures |= {"perplexity_by_language": [language], "languages_lost": evil}
            maps = [{"title": evil, "rows": evil, "columns": evil, "values": [[0.0, 0.5]]}]
            write_sealed_json(stage.folder / "round/maps.json", {"maps": maps})
            mask = {"sparsity": {evil: 0.1}, "wanted_sparsity": {evil: 0.2}, "multipliers": {evil: [-1, 1]}}
            shares = {"domain_losses": {evil: 3.0}, "domain_shares": {evil: 1.0}}
            event = {"step": 1, "loss": 1.0, **mask, **shares, "held_out": {evil: 0.5}}
            write_text(stage.folder / "events.jsonl", json.dumps(event) + "\n")
        with open_stage(folder / "augment", "augment", Demo(), {}) as stage:
            stage.figures["histograms"] = {evil: {"edges": [0.0, 1.0], "counts": {evil: [2]}}}
            stage.figures["groups"] = [{evil: evil, "source": evil, "kind": evil, "lang": evil}]
        with open_stage(folder / "evaluate", "evaluate", Demo(), {}) as stage:
            rows = [row(evil, 64, 0.5, evil), row(evil, 32, 0.4, evil)]
            write_json(stage.folder / "results.json", {"results": rows})
        with open_stage(folder / "search", "search", Demo(), {}) as stage:
            hit = {"rank": 1, "id": evil, "score": 0.75, "text": evil}
            write_json(stage.folder / "examples.json", [{"query": evil, "hits": [hit]}])
        write_text(folder / "recipe.yaml", f"run: {evil}\n")
        found = Page()
        found.feed(write_report(folder).read_text(encoding="utf-8"))
        return found

    tame, hostile = page("a name", "harmless"), page(HOSTILE.replace("/", "\\"), HOSTILE)
    assert hostile.open == tame.open == []
    assert hostile.tags == tame.tags
    assert hostile.attributes == tame.attributes
    assert "script" not in hostile.tags
    assert hostile.text.count(HOSTILE) == tame.text.count("harmless") > 15


class Page(Nesting):
    """What a browser makes of a page: its tags and their attributes' names, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_run_that_is_half_done_has_a_page(tmp_path: Path) -> None:
    with open_stage(tmp_path / "run/corpus", "corpus", Demo(), {}):
        pass
    text = write_report(tmp_path / "run").read_text()
    assert "Nothing was evaluated" in text


def test_a_recipe_that_is_no_text_is_named(tmp_path: Path) -> None:
    with open_stage(tmp_path / "corpus", "corpus", Demo(), {}):
        pass
    (tmp_path / "recipe.yaml").write_bytes(b"run: my run\nseed: \xff\n")
    with pytest.raises(FileError, match=r"recipe\.yaml, line 2: not UTF-8"):
        write_report(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no run"):
        write_report(tmp_path)


def drawn_labels(svg: str) -> list[str]:
    found = re.findall(r"<text[^>]*>(.*?)</text>|<figcaption>(.*?)</figcaption>", svg)
    return [drawn or caption for drawn, caption in found]


def test_bars_of_equal_names_stay_apart() -> None:
    labels = drawn_labels(bars(RESULTS, "known-items"))
    assert labels.count("train/model (64)") == 2
    assert {"0.100", "0.200", "0.611", "0.522"} <= set(labels)


def test_widths_are_drawn_for_models_with_several() -> None:
    assert widths(RESULTS[:1], "known-items") is None
    assert "student" in drawn_labels(widths(RESULTS, "known-items") or "")


def test_dollar_signs_in_names_are_no_formulas() -> None:
    odd = [row("$x_{$", 8, 0.1, "a$\\b$"), row("$x_{$", 4, 0.1, "a$\\b$")]
    assert "<svg" in bars(odd, "a$\\b$")
    assert "<svg" in (widths(odd, "a$\\b$") or "")


def test_one_step_is_a_curve() -> None:
    assert "<svg" in loss_curve([{"step": 1, "loss": 2.0}], "train")


def test_what_the_events_follow_is_drawn() -> None:
    assert small_curves([{"step": 1, "loss": 2.0}], "train") == []
    events = [
        {"step": s, "loss": 1.0, "learning_rate": 0.1, "tokens": 90, "seconds": 0.0 if s == 1 else 0.5}
        for s in range(1, 9)
    ]
    events[3]["held_out"] = {"loss": 0.5, "RR@10": 0.25}
    labels = {label for plot in small_curves(events, "train") for label in drawn_labels(plot)}
    named = {f"train: {n}" for n in ("learning rate", "tokens/s", "held out: loss", "held out: RR@10")}
    assert named <= labels
    assert not {f"train: {n}" for n in ("gradient norm", "share of padding", "judged: loss")} & labels


def test_the_summary_shows_names_as_they_are(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(run)
    said = capsys.readouterr().out
    assert "search: list[int] or [/]?" in said
    assert "d[/b]1: a <b>text</b> [bold]" in said
    assert re.search(r"known-items +student \+ bm25 +64 +0\.633 +0\.900 +0\.400 +1235", said)


def test_long_names_are_not_cut_where_nobody_sees_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_results([row("a-model-with-quite-a-long-name", 768, 0.5, "a-collection-with-quite-a-long-name")])
    assert re.search(
        r"a-collection-with-quite-a-long-name +a-model-with-quite-a-long-name +768", capsys.readouterr().out
    )


def test_pruning_is_drawn_where_there_is_something_to_draw() -> None:
    plain = [{"step": s, "loss": 1.0} for s in (1, 2)]
    assert pruning_curves(plain) == []
    masks = {"sparsity": {"heads": 0.1}, "wanted_sparsity": {"heads": 0.2}}
    languages = {"domain_losses": {"$fi": 3.0}, "domain_shares": {"$fi": 1.0}}
    later = {key: {"layers": value["heads"]} for key, value in masks.items()}  # as in a second round
    drawn = pruning_curves([{**plain[0], **masks}, {**plain[1], **later, **languages}])
    assert len(drawn) == 3
    assert all(plot.count("<svg") == 1 for plot in drawn)
