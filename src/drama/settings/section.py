"""Section: a frozen pydantic model that refuses unknown keys and names the nearest valid one."""

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from drama.errors import DramaError


class SameResult(NamedTuple):
    """Marks a key that does not change what a stage makes: how a batch is split, where the work is done.

    It is no part of what the stage is, so that another value redoes nothing.
    """

    unless: Callable[[Any], bool] = lambda section: False
    """The sections in which it does change the result."""


SAME_RESULT = SameResult()
"""For `Annotated[int, SAME_RESULT]`."""


class Section(BaseModel):
    """Base of all sections of settings: strict and immutable.

    >>> class Demo(Section):
    ...     layers: int = 4
    >>> Demo.parse({"layers": 6}, where="prune").layers
    6
    >>> Demo.parse({"layer": 6}, where="prune")
    Traceback (most recent call last):
    ...
    drama.errors.DramaError: prune.layer: unknown key
      → did you mean 'layers'?
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    moved: ClassVar[Mapping[str, str]] = {}
    """Old key of this section → full name of its replacement, or "" if it was removed; for error messages."""

    @classmethod
    def parse(cls, values: dict[str, Any] | None, where: str) -> Self:
        """Validate the keys that a user wrote; errors name them under `where` (`prune`, or a file's name).

        Raises:
            DramaError: an unknown key (with the nearest valid one) or a value of the wrong type or range.
        """
        if values is not None and not isinstance(values, dict):
            raise DramaError(f"{where}: expected a section of keys, found {type(values).__name__}")
        try:
            return cls.model_validate(values or {})
        except ValidationError as error:
            raise _readable(cls, error, where) from None

    def identity(self) -> dict[str, Any]:
        """The values that the result depends on, as JSON; all keys but those marked `SameResult`.

        >>> class Steps(Section):
        ...     steps: int = 4
        ...     at_once: Annotated[int | None, SAME_RESULT] = None
        >>> Steps(at_once=2).identity()
        {'steps': 4}
        """
        found = self.model_dump(mode="json")
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if any(isinstance(each, SameResult) and not each.unless(self) for each in field.metadata):
                del found[name]
            elif isinstance(value, Section):
                found[name] = value.identity()
            elif isinstance(value, list | tuple) and any(isinstance(each, Section) for each in value):
                found[name] = [each.identity() for each in value]
        return found


def _readable(model: type[BaseModel], error: ValidationError, where: str) -> DramaError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    name = ".".join([where, *path]) if where else ".".join(path)
    if first["type"] == "extra_forbidden":
        section = _section_at(model, path[:-1])
        if issubclass(section, Section) and path[-1] in section.moved:
            place = section.moved[path[-1]]
            if not place:
                return DramaError(f"{name}: this key was removed", hint="leave it out")
            return DramaError(f"{name}: this key has moved", hint=f"write {place}")
        keys = list(section.model_fields)
        near = difflib.get_close_matches(path[-1], keys, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(keys))}"
        return DramaError(f"{name}: unknown key", hint)
    if first["type"] == "missing":
        return DramaError(f"{name}: this key is required")
    if first["type"] == "value_error":  # raised by a validator of the section, complete as it is
        return DramaError(f"{name}: {first['ctx']['error']}")
    return DramaError(f"{name}: {first['msg'].lower()} (given: {first['input']!r})")


def _section_at(model: type[BaseModel], path: list[str]) -> type[BaseModel]:
    """The section at `path`, including those inside optional types and lists."""
    current = model
    for part in path:
        field = current.model_fields.get(part)
        if field is None:
            continue
        kinds = [field.annotation, *get_args(field.annotation)]
        current = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), current)
    return current


def _each_once(names: list[str]) -> list[str]:
    if not all(names) or not names or len({*names}) < len(names):
        raise ValueError(f"must name at least one, and each once: {names}")
    return names


Names = Annotated[list[str], AfterValidator(_each_once)]
"""A list of at least one name, without repetition."""
