"""The docstrings of what gan_jax exports."""

import inspect

import pytest

import gan_jax

FUNCTIONS = [
    name for name in gan_jax.__all__ if inspect.isfunction(getattr(gan_jax, name))
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_exported_function_says_what_it_takes_and_returns(name):
    function = getattr(gan_jax, name)
    text = inspect.getdoc(function) or ""
    parameters = inspect.signature(function).parameters
    assert ("Args:" in text) == bool(parameters)
    assert "Returns:" in text
    for parameter in parameters:
        assert f"{parameter}:" in text or f"{parameter}," in text, parameter
    assert text.partition("\n")[0].endswith(".")


@pytest.mark.parametrize("name", [n for n in gan_jax.__all__ if n[0].isupper()])
def test_an_exported_type_says_what_it_is(name):
    value = getattr(gan_jax, name)
    if inspect.isclass(value):
        assert (inspect.getdoc(value) or "").partition("\n")[0].endswith(".")
