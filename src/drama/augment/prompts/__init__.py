"""Prompts as YAML files, one folder a use (`queries`, `triplets`, `rerank`), their readers, and the parser of
labelled answers."""

from drama.augment.prompts.labelled import labelled_lines, strip_label
from drama.augment.prompts.list_prompt import ListPrompt, load_list_prompt
from drama.augment.prompts.text_prompt import AnswerLines, Prompt, Shot, load_prompt
from drama.augment.prompts.triplet_prompt import LANGUAGE, TripletPrompt, load_triplet_prompt

__all__ = [
    "LANGUAGE",
    "AnswerLines",
    "ListPrompt",
    "Prompt",
    "Shot",
    "TripletPrompt",
    "labelled_lines",
    "load_list_prompt",
    "load_prompt",
    "load_triplet_prompt",
    "strip_label",
]
