"""A recipe for a corpus, written after a look at it."""

import os
from itertools import islice
from pathlib import Path

from drama.console import one_line
from drama.corpus.readers.inputs import input_name
from drama.corpus.readers.tally import in_words as reasons_in_words
from drama.files import write_text
from drama.files.reading import read_text
from drama.recipe import RECIPES
from drama.recipe.look import Look


def write_recipe(name: str, look: Look, out: Path) -> None:
    """Write the recipe for a corpus, with comments."""
    text = read_text(RECIPES / f"{look.recipe}.yaml")
    about, body = text.split("run: ", 1)
    _, rest = body.split("\n", 1)
    frequent = [lang for lang, _ in look.languages.most_common(20) if lang != "unknown"]
    languages = ", ".join(frequent)
    corpus = f"""corpus:
  inputs: [{_quoted(_absolute(name))}]
  # languages: [{languages}]   # guesses; name those that are right, and there will be no others
  # strict: true               # stop at the first file that can't be read
  # near_duplicates: 0.9       # leave out texts that are almost the same as another
  # max_documents: 10000       # a sample, to try things out"""
    rest = rest.replace("corpus:\n  inputs: []", corpus)
    purpose = "\n".join(line for line in about.splitlines()[2:] if "drama run" not in line).strip("#\n ")
    head = f"""# For {one_line(name)}: {look.documents:,} documents, {_shares(look)}.
# Made by `drama init` from the recipe {look.recipe}.
#
#   drama run {out}
#
# {purpose}
#
# Figures without judgments are made anyway. If you have judged queries (a BEIR folder: corpus.jsonl,
# queries.jsonl and qrels/test.tsv), name it in evaluate.collections; `drama judge` makes one.
"""
    run = f"run: {_quoted(f'runs/{_slug(name)}')}       # the folder of the run\n"
    write_text(out, head + run + rest)


def _absolute(name: str) -> str:
    return os.path.abspath(name) if Path(name).exists() else name  # noqa: PTH100 - links stay


def _quoted(text: str) -> str:
    """A YAML string."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in input_name(name)).strip("-.") or "corpus"


def _shares(look: Look) -> str:
    total = max(1, look.languages.total())
    most = look.languages.most_common(5)
    told = ", ".join(f"{lang} {n / total:.0%}" for lang, n in most)
    return told + (
        f" and {len(look.languages) - len(most)} others" if len(look.languages) > len(most) else ""
    )


def in_words(name: str, look: Look, minutes: float) -> list[str]:
    """What was seen, line by line."""
    kinds = ", ".join(f"{n:,} {each}" for each, n in islice(look.files.most_common(), 8))
    more = f", {len(look.files) - 8} other kinds" if len(look.files) > 8 else ""
    lines = [
        f"{one_line(name)}: {look.files.total():,} files, {look.size / 1e6:.1f} MB that can be read: "
        f"{kinds}{more}"
    ]
    if not look.whole:
        lines.append(
            f"read for {look.seconds:.0f} s, not to the end: documents and words are of the first files only"
        )
    lines.append(
        f"{look.documents:,} documents, {look.words:,} words; {look.long:,} are longer than the model reads "
        f"and will be cut: about {look.passages:,} passages"
    )
    lines.append(f"languages: {_shares(look)}")
    if look.duplicates:
        lines.append(f"{look.duplicates:,} documents are the same as another, and will be left out")
    if look.left_out:
        reasons = {why.removesuffix(", left out"): n for why, n in look.left_out.items()}
        lines.append(f"left out: {reasons_in_words(reasons)}; a run lists all in corpus/left-out.tsv")
    lines.append(f"recipe: {look.recipe}; a run will take about {max(1, round(minutes))} minutes here")
    return lines
