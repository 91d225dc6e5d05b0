"""What text-generation-inference refuses, in its own words (3.3.7, router/src/validation.rs)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.standins.script import input_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_DEFAULT_ANSWER_TOKENS = 1024
_LARGEST_FREQUENCY_PENALTY = 2.0


@dataclass(frozen=True, slots=True)
class TGILimits:
    """The launcher's limits, with its defaults where the window does not set them."""

    max_input_tokens: int = 4095
    max_total_tokens: int = 4096
    max_concurrent_requests: int = 128
    max_best_of: int = 2
    max_stop_sequences: int = 4


class Malformed(Exception):
    """The body has not the shape of a request: the router's JSON layer answers, not the validation."""


class Invalid(Exception):
    """The validation refuses the request; the text is the server's, without its "Input validation error: "."""


def read(body: object) -> tuple[str, dict[str, Any], bool]:
    """``inputs``, ``parameters`` and ``stream`` of a request. Raises ``Malformed``."""
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), str):
        raise Malformed("missing field `inputs`")
    parameters = body.get("parameters", {})
    if not isinstance(parameters, dict):
        raise Malformed("parameters: invalid type")
    for name, value in parameters.items():
        if name in _SHAPES and not _SHAPES[name](value):
            raise Malformed(f"parameters.{name}: invalid type or value")
    return body["inputs"], parameters, body.get("stream") is True


def check(inputs: str, parameters: Mapping[str, Any], limits: TGILimits, *, streaming: bool) -> int:
    """Return how many tokens the answer may have. Raises ``Invalid``."""
    for problem in (
        _best_of(parameters, limits, streaming=streaming),
        _sampling(parameters),
        _form(inputs, parameters, limits),
    ):
        for text in problem:
            raise Invalid(text)
    answer = _answer_tokens(inputs, parameters, limits)
    for text in _grammar(parameters.get("grammar")):
        raise Invalid(text)
    return answer


def _best_of(parameters: Mapping[str, Any], limits: TGILimits, *, streaming: bool) -> Iterator[str]:
    best_of = parameters.get("best_of")
    best_of = 1 if best_of is None else best_of
    if streaming and best_of != 1:
        yield "`best_of` != 1 is not supported when streaming tokens"
    if streaming and parameters.get("decoder_input_details"):
        yield "`decoder_input_details` == true is not supported when streaming tokens"
    if not 0 < best_of <= limits.max_best_of:
        yield f"`best_of` must be > 0 and <= {limits.max_best_of}. Given: {best_of}"
    if best_of > 1 and not any(parameters.get(name) for name in ("do_sample", *_SAMPLING_NAMES)):
        yield "you must use sampling when `best_of` is > 1"


def _sampling(parameters: Mapping[str, Any]) -> Iterator[str]:
    given = {name: value for name, value in parameters.items() if value is not None}
    if given.get("temperature", 1.0) <= 0:
        yield "`temperature` must be strictly positive"
    if given.get("repetition_penalty", 1.0) <= 0:
        yield "`repetition_penalty` must be strictly positive"
    if abs(given.get("frequency_penalty", 0.0)) > _LARGEST_FREQUENCY_PENALTY:
        yield "`frequency_penalty` must be >= -2.0 and <= 2.0"
    if not 0 < given.get("top_p", 0.5) < 1:
        yield "`top_p` must be > 0.0 and < 1.0"
    if not 0 < given.get("typical_p", 0.5) < 1:
        yield "`typical_p` must be > 0.0 and < 1.0"
    if given.get("top_k", 1) <= 0:
        yield "`top_k` must be strictly positive"


def _form(inputs: str, parameters: Mapping[str, Any], limits: TGILimits) -> Iterator[str]:
    if parameters.get("max_new_tokens") == 0:
        yield "`max_new_tokens` must be strictly positive"
    stops = len(parameters.get("stop", ()))
    if stops > limits.max_stop_sequences:
        yield f"`stop` supports up to {limits.max_stop_sequences} stop sequences. Given: {stops}"
    if not inputs:
        yield "`inputs` cannot be empty"


def _answer_tokens(inputs: str, parameters: Mapping[str, Any], limits: TGILimits) -> int:
    given = input_tokens(inputs)
    answer = parameters.get("max_new_tokens")
    if answer is None:
        answer = min(max(limits.max_total_tokens - given, 0), _DEFAULT_ANSWER_TOKENS)
    if given + answer > limits.max_total_tokens:
        raise Invalid(
            f"`inputs` tokens + `max_new_tokens` must be <= {limits.max_total_tokens}. "
            f"Given: {given} `inputs` tokens and {answer} `max_new_tokens`"
        )
    if given > limits.max_input_tokens:
        raise Invalid(f"`inputs` must have less than {limits.max_input_tokens} tokens. Given: {given}")
    return int(answer)


def _grammar(grammar: Mapping[str, Any] | None) -> Iterator[str]:
    if grammar is None or grammar.get("type") == "regex":
        return
    schema = grammar.get("value")
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except ValueError as error:
            raise Invalid(f"grammar is not valid: {error}") from error
    if not isinstance(schema, dict):
        yield "grammar is not supported"
    elif "properties" not in schema:
        yield "grammar is not valid: Grammar must have a 'properties' field"


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _unsigned(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _truth(value: object) -> bool:
    return isinstance(value, bool)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _optional(shape: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or shape(value)


_SAMPLING_NAMES = ("temperature", "top_k", "top_p", "typical_p")
# The fields' types as the router declares them: null is taken only where a field is optional.
_SHAPES: Mapping[str, Callable[[object], bool]] = {
    "best_of": _optional(_unsigned),
    "temperature": _optional(_number),
    "repetition_penalty": _optional(_number),
    "frequency_penalty": _optional(_number),
    "top_k": _optional(_whole),
    "top_p": _optional(_number),
    "typical_p": _optional(_number),
    "do_sample": _truth,
    "max_new_tokens": _optional(_unsigned),
    "stop": _texts,
    "watermark": _truth,
    "details": _truth,
    "decoder_input_details": _truth,
    "seed": _optional(_unsigned),
    "grammar": _optional(lambda value: isinstance(value, dict)),
}
