"""The nearest value that an error names is one that is allowed."""

import inspect
import re

import pytest

import harness.tasks
from tests.tasks.cases import FUNCTIONS

GENERATED = [name for name in FUNCTIONS if name.startswith("make_")]


def choices(function):
    """Arguments for each variant of a task."""
    if "variant" not in inspect.signature(function).parameters:
        return [{}]
    with pytest.raises(ValueError, match="^variant must be one of ") as error:
        function(variant="no such!")
    names = re.search("one of (.*), not", str(error.value))[1].split(", ")
    return [{"variant": name} for name in names]


def accepted(function, arguments, argument):
    """Calls a function; an error may come from another argument that does not go with this one."""
    try:
        function(**arguments)
    except ValueError as error:
        assert not str(error).startswith(argument), (arguments, str(error))
        assert function is harness.tasks.make_listops


@pytest.mark.parametrize("name", GENERATED)
def test_the_nearest_value_is_accepted(name):
    function = getattr(harness.tasks, name)
    for fixed in choices(function):
        for argument, parameter in inspect.signature(function).parameters.items():
            if type(parameter.default) is not int:
                continue
            for wrong in (-3, 0, 1, 2, 3, 5, 11, 33, 2**31 - 1, 2**40):
                if wrong == 2**31 - 1 and argument != "seq_len":
                    continue  # an alphabet of two billion symbols is accepted, and fills the memory
                try:
                    function(**fixed, **{argument: wrong})
                except ValueError as error:
                    said = str(error)
                else:
                    continue
                found = re.match(rf"{argument} must .*nearest is (-?\d+)", said)
                if found is not None:
                    accepted(function, fixed | {argument: int(found[1])}, argument)


@pytest.mark.parametrize("seq_len", [-1, 0, 1])
@pytest.mark.parametrize(
    ("name", "fewest"), [("make_parity", 13), ("make_modular_sum", 6), ("make_majority", 7)]
)
def test_a_length_below_all_is_answered_with_one_that_has_enough_sequences(name, fewest, seq_len):
    with pytest.raises(ValueError, match=f"at least {fewest}, not {seq_len}; the nearest is {fewest}$"):
        getattr(harness.tasks, name)(seq_len=seq_len)


def test_an_odd_number_of_brackets_is_answered_with_an_even_one():
    with pytest.raises(ValueError, match="seq_len must be even, not 13; the nearest is 12$"):
        harness.tasks.make_bracket_matching(seq_len=13)
