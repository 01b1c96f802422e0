"""A prompt for triplets: the request has places, and `choices` lists what may fill them."""

import math
import random
from typing import Self

from pydantic import model_validator

from drama.augment.prompts.prompt_file import PromptFile, chat, check_places, fill
from drama.errors import DramaError
from drama.llm import Messages
from drama.settings import Section

LANGUAGE = "language"
"""The place that the settings fill."""


class TripletShot(Section):
    """One example: the values of the places, and the answer."""

    values: dict[str, str]
    answer: str


class TripletPrompt(PromptFile):
    """A chat prompt that is filled differently each time. `user` has a place for each of `choices`, as
    `{name}`, and one for `{language}`.

    >>> prompt = TripletPrompt(system="Write.", user="{topic} {language}", choices={"topic": ["tea", "rain"]})
    >>> sorted(values["topic"] for values in prompt.draw(2, seed=0))
    ['rain', 'tea']
    >>> prompt.messages({"topic": "tea", "language": "Finnish"})[-1]["content"]
    'tea Finnish'
    """

    choices: dict[str, list[str]]
    shots: list[TripletShot] = []

    @model_validator(mode="after")
    def _places_and_choices_agree(self) -> Self:
        places = [*self.choices, LANGUAGE]
        check_places("user", self.user, places)
        for choice, each in self.choices.items():
            if not each or len({*each}) < len(each):
                raise ValueError(f"choices.{choice} must name at least one choice, and each choice once")
        for number, shot in enumerate(self.shots, start=1):
            if {*shot.values} != {*places}:
                raise ValueError(f"shot {number} must have values for {', '.join(places)}")
        return self

    def messages(self, values: dict[str, str]) -> Messages:
        """The chat that asks for one triplet."""
        shots = [(fill(self.user, **shot.values), shot.answer) for shot in self.shots]
        return chat(self.system, shots, fill(self.user, **values))

    def draw(self, count: int, seed: int) -> list[dict[str, str]]:
        """`count` different ways to fill the choices, by a seeded draw.

        Raises:
            DramaError: there are fewer.
        """
        ways = math.prod(map(len, self.choices.values()))
        if count > ways:
            raise DramaError(
                f"augment.triplets.count: {count} a language, but the prompt's choices differ in {ways} ways",
                hint="lower it, or write your own prompt with more choices",
            )
        drawn = []
        for way in random.Random(f"{seed}\0triplets").sample(range(ways), count):
            values = {}
            for name, each in self.choices.items():
                way, at = divmod(way, len(each))
                values[name] = each[at]
            drawn.append(values)
        return drawn
