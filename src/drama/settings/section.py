"""Section: a frozen pydantic model that refuses unknown keys and names the nearest valid one."""

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from drama.errors import DramaError, Problems


class SameResult(NamedTuple):
    """Marks a key that does not change what a stage makes: how a batch is split, where the work is done.

    It is no part of what the stage is, so that another value redoes nothing.
    """

    unless: Callable[[Any], bool] = lambda section: False
    """The sections in which it does change the result."""


SAME_RESULT = SameResult()
"""For `Annotated[int, SAME_RESULT]`."""


_EXPECTED = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected a section of keys",
    "finite_number": "expected a finite number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "expected a list",
    "literal_error": "must be {expected}",
    "model_attributes_type": "expected a section of keys",
    "model_type": "expected a section of keys",
    "string_type": "expected text",
    "tuple_type": "expected a list",
}
"""What is said of a value, by pydantic's name of its problem; others are said in pydantic's words."""


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

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    moved: ClassVar[Mapping[str, str]] = {}
    """Old key of this section → full name of its replacement, or "" if it was removed; for error messages."""

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_is_true(cls, value: Any, info: ValidationInfo) -> Any:
        """Python takes true for 1, and YAML takes `yes` and `on` for true."""
        if isinstance(value, bool) and bool not in _types_in(
            cls.model_fields[str(info.field_name)].annotation
        ):
            raise ValueError(
                f"{str(value).lower()} does not fit here (YAML reads yes, no, on and off as true and false)"
            )
        return value

    @classmethod
    def parse(cls, values: dict[str, Any] | None, where: str) -> Self:
        """Validate the keys that a user wrote; errors name them under `where` (`prune`, or a file's name).

        Raises:
            DramaError: all unknown keys (each with the nearest valid one) and all values of the wrong type
                or range.
        """
        if values is not None and not isinstance(values, dict):
            raise DramaError(f"{where}: expected a section of keys, found {type(values).__name__}")
        try:
            return cls.model_validate(values or {})
        except ValidationError as error:
            found = _readable(cls, error, where)
        found.raise_any()
        raise AssertionError("unreachable: a validation error has at least one problem")

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


def _readable(model: type[BaseModel], error: ValidationError, where: str) -> Problems:
    """The problems by field; of the members of a union, which each have their say, only the first."""
    by_field: dict[str, DramaError] = {}
    for problem in error.errors():
        path = [str(part) for part in problem["loc"]]
        name = ".".join([where, *path]) if where else ".".join(path)
        by_field.setdefault(name, _problem(model, problem, path, name))
    return Problems(list(by_field.values()))


def _problem(model: type[BaseModel], first: ErrorDetails, path: list[str], name: str) -> DramaError:
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
    known = _EXPECTED.get(first["type"])
    message = known.format(**first.get("ctx", {})) if known is not None else first["msg"].lower()
    return DramaError(f"{name}: {message} (given: {first['input']!r})")


def _types_in(annotation: Any) -> set[Any]:
    """The types that an annotation names: those of `list[int] | None` are list, int and NoneType."""
    inner = get_args(annotation)
    return {get_origin(annotation) or annotation, *(t for part in inner for t in _types_in(part))}


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


_Name = TypeVar("_Name", bound=str)
EachOnce = Annotated[list[_Name], AfterValidator(_each_once)]
Names = EachOnce[str]
"""A list of at least one name, without repetition."""
