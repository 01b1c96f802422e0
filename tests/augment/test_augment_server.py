"""The stage with a real HTTP server: outcomes, resuming, another node, and a key that is written nowhere."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from drama.augment import AugmentSettings, augment
from drama.errors import DramaError
from drama.records import Document, write_passages
from drama.servers.address import LLM_KEY
from drama.workspace import Manifest

Reply = tuple[int, dict[str, str], Any]
Serving = Callable[..., AbstractContextManager[Any]]
SECRET = "sk-5ecret5ecret"


@pytest.fixture
def passages(tmp_path: Path, texts: list[str]) -> Path:
    path = tmp_path / "passages.parquet"
    rows = [f"{text} Number {i} says {n}." for n in range(13) for i, text in enumerate(texts)][:100]
    write_passages(path, [Document(f"d{i}", "", text, "en", "s") for i, text in enumerate(rows)])
    return path


def completion(text: str, reason: str = "stop") -> Reply:
    return 200, {}, {"choices": [{"message": {"content": text}, "finish_reason": reason}]}


def query(number: int, _: dict[str, Any]) -> Reply:
    return completion(f"why does nobody hear number {number}")


def run(name: str, passages: Path, out: Path, **synthesize: Any) -> Manifest:
    section = {"documents": 100, "llm": name, "language_check": "none", **synthesize}
    server = {"concurrency": 4, "retries": 0, "backoff": 0.01, "patience": 0.01}
    values = {"crop": {"per_document": 0}, "synthesize": section, "server": server}
    return augment(AugmentSettings.parse(values, "augment"), passages, out)


def test_a_run_with_refused_prompts_is_resumed_with_the_same_outcomes(
    serving: Serving, passages: Path, tmp_path: Path, change_manifest: Callable[..., None]
) -> None:
    def some_refused(number: int, body: dict[str, Any]) -> Reply:
        if "glucose" in body["messages"][-1]["content"]:
            return 400, {}, {"error": "filtered"}
        return query(number, body)

    out = tmp_path / "out"
    with serving(some_refused) as fake:
        first = run(fake.name, passages, out)
        assert first.counts["qgen: ok"] == 87
        assert first.counts["qgen: refused by the server"] == 13
        asked, files = len(fake.bodies), {p.name: p.read_bytes() for p in out.glob("*.*l*") if p.is_file()}
        change_manifest(out, status="running")
        again = run(fake.name, passages, out)
        assert again.counts == first.counts
        assert len(fake.bodies) == asked == 100
    for name in ("generated.jsonl",):
        assert (out / name).read_bytes() == files[name]
    with serving(some_refused) as other:  # another node, and other label settings: nobody is asked
        moved = run(other.name, passages, out, text_words=100)
        assert moved.counts == first.counts
        assert not other.bodies


def test_thinking_and_cut_answers_are_outcomes(
    serving: Serving, passages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thinking = {"message": {"content": None, "reasoning_content": "Okay"}, "finish_reason": "length"}

    def reply(number: int, _: dict[str, Any]) -> Reply:
        query = f"why does nobody hear {number}"
        kinds: list[Reply] = [
            completion(f"<think>\nA query.\n</think>\n\n{query}"),
            completion("<think>\nOkay, the user wants", "length"),
            completion("how do bees communicate the loc", "length"),
            (200, {}, {"choices": [thinking]}),
            completion(f"```json\n{json.dumps({'query': query})}\n```"),
        ]
        return kinds[number % 5]

    with serving(reply) as fake:
        manifest = run(fake.name, passages, tmp_path / "out")
    assert {k: n for k, n in manifest.counts.items() if k.startswith("qgen")} == {
        "qgen: repaired": 40, "qgen: thinking not finished": 40, "qgen: cut off": 20,
    }  # fmt: skip
    said = " ".join(capsys.readouterr().err.split())
    assert "qgen: 60 of 100 answers were not finished" in said
    assert "extra_body" in said
    lines = [json.loads(line) for line in (tmp_path / "out/generated.jsonl").read_text().splitlines()]
    accepted = [line["query"] for line in lines if line["outcome"] in ("ok", "repaired")]
    assert all(query.startswith("why does nobody hear ") for query in accepted)
    with (
        serving(lambda *_: completion("<think>Okay", "length")) as fake,
        pytest.raises(DramaError, match="thinking not finished: 100") as caught,
    ):
        run(fake.name, passages, tmp_path / "none", revision="2")
    assert "max_new_tokens" in caught.value.hint


def everything(folder: Path) -> Iterator[bytes]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".sqlite":
                yield "\n".join(sqlite3.connect(path).iterdump()).encode()


def test_the_key_is_written_nowhere(
    serving: Serving,
    passages: Path,
    tmp_path: Path,
    run_drama: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that repeats the key in answers, refusals and errors; and a command line that holds a
    secret."""
    monkeypatch.setenv(LLM_KEY, SECRET)
    monkeypatch.setenv("PYTHONWARNINGS", "")

    def repeats(number: int, body: dict[str, Any]) -> Reply:
        if number % 9 == 5:
            return 400, {}, {"error": f"Bearer {SECRET} may not ask this"}
        if number == 7:
            return 503, {}, {"error": f"busy, {SECRET}"}
        return completion(f"why does {SECRET} hear number {number}")

    out = tmp_path / "out"
    with serving(repeats) as fake:
        words = ["augment", passages, "--out", out, "--synthesize", 60, "--llm", fake.name]
        words += ["--set", "crop.per_document=0", "--set", "synthesize.language_check=none"]
        done = run_drama(*words)
        assert done.code == 0, done.stderr
        assert {h["Authorization"] for h in fake.headers} == {f"Bearer {SECRET}"}
    with serving(lambda *_: (500, {}, {"error": SECRET})) as fake:
        failed = run_drama(
            *words[:7], fake.name, *words[8:], "--set", "server.retries=0", "--set", "synthesize.revision=b"
        )
        assert failed.code == 2
    found = [*everything(tmp_path), done.stderr.encode(), failed.stderr.encode(), done.stdout.encode()]
    assert len(found) > 5
    assert not any(SECRET.encode() in content for content in found)


@pytest.mark.parametrize(
    "assignment",
    [
        f"synthesize.llm=http://me:{SECRET}@127.0.0.1:9/v1#m",
        f"synthesize.llm=http://127.0.0.1:9/v1?api_key={SECRET}#m",
        f"synthesize.llm=http://127.0.0.1:9/v1#m?key={SECRET}",
        f"rerank.llm=http://me:{SECRET}@127.0.0.1:9/v1#m",
        f"synthesize.extra_body={{api_key: {SECRET}}}",
        f"synthesize.extra_body={{headers: {{Authorization: Bearer {SECRET}}}}}",
    ],
)
@pytest.mark.parametrize("more", [[], ["--set", "synthesize.llm=http://127.0.0.1:9/v1#m"]])
def test_secrets_in_settings_are_refused_even_where_nothing_asks(
    assignment: str, more: list[str], passages: Path, tmp_path: Path, run_drama: Callable[..., Any]
) -> None:
    out = tmp_path / "out"
    done = run_drama("augment", passages, "--out", out, *more, "--set", assignment)
    assert done.code == 2
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_a_secret_that_a_command_line_holds_otherwise_is_not_recorded(
    passages: Path, tmp_path: Path, run_drama: Callable[..., Any]
) -> None:
    """A folder named like an address: nothing refuses it, and the manifest records the command."""
    out = tmp_path / "api_key=sk-5ecret5ecret"
    assert run_drama("augment", passages, "--out", out).code == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert SECRET not in manifest["command"]
    assert "api_key=…" in manifest["command"]


def test_extra_body_is_part_of_what_the_stage_is(serving: Serving, passages: Path, tmp_path: Path) -> None:
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    with serving(query) as fake:
        plain = run(fake.name, passages, tmp_path / "out")
        assert all("chat_template_kwargs" not in body for body in fake.bodies)
        before = len(fake.bodies)
        other = run(fake.name, passages, tmp_path / "out", extra_body=extra)
        assert other.fingerprint != plain.fingerprint
        assert len(fake.bodies) == before + 100
        assert all(
            body["chat_template_kwargs"] == {"enable_thinking": False} for body in fake.bodies[before:]
        )


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"extra_body": {"a": 1}}, "extra_body is for a server"),
        ({"revision": "2"}, "revision is for a server"),
        ({"llm": "http://host/v1#m", "extra_body": {"temperature": 1}}, "extra_body.temperature"),
        (
            {"llm": "http://host/v1#m", "extra_body": {"a": {"b": {"token": "x"}}}},
            "extra_body.a.b.token: looks like",
        ),
        ({"language_check": "script"}, "language_check: 'script' was removed"),
    ],
)
def test_settings_that_cannot_be_meant(section: dict[str, Any], message: str) -> None:
    with pytest.raises(DramaError) as caught:
        AugmentSettings.parse({"synthesize": section}, "augment")
    assert message in str(caught.value)
