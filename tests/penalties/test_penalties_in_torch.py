"""Critic penalties and their double backward pass equal the formulas in PyTorch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from penalty_cases import (
    BATCH,
    GRADIENTS_TAKEN,
    SHAPES,
    Z_DIM,
    assert_close,
    critic_in_jax,
    example_keys,
    network,
    pairs,
    penalty_on,
)

from gan_jax.penalties import draw_each, split_each


def critic_in_torch(torch, params, x):
    """The same on the same arrays, `x [B, H, W, C]`."""
    kernel = params["kernel"].permute(3, 2, 0, 1)
    y = torch.nn.functional.conv2d(
        x.permute(0, 3, 1, 2), kernel, params["bias"], stride=2
    )
    y = torch.tanh(y).permute(0, 2, 3, 1).flatten(1)
    return y @ params["head"] + params["shift"]


def generator_in_torch(torch, draws, shift=0.0):
    """`tanh_generator` of the latents that zcr draws, as images."""
    a = np.random.default_rng(3).normal(size=(Z_DIM, np.prod(SHAPES["images"])))
    z = draws["z"] + shift * draws["z_noise"]
    # JAX has the kernel in float32.
    a = torch.tensor(a.astype(np.float32), dtype=torch.float64)
    return torch.tanh(z @ a).reshape(-1, *SHAPES["images"])


def oracle(torch, name, critic, real, fake, draws):
    """The papers' formulas with `torch.autograd.grad(create_graph=True)`."""

    def squared_norm(x):
        x = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return gradient.flatten(1).square().sum(1)

    def u_between(x, y):
        u = draws["u"].reshape(-1, 1, 1, 1)
        return u * x + (1 - u) * y

    def difference(x, noise):
        return (critic(x) - critic(x + 0.3 * noise)) ** 2

    def roth():
        on_real = (1 - torch.sigmoid(critic(real))) ** 2 * squared_norm(real)
        return (on_real + torch.sigmoid(critic(fake)) ** 2 * squared_norm(fake)) / 2

    def dragan():
        noise = 0.5 * real.std(correction=0) * draws["uniform"]
        u = draws["dragan_u"].reshape(-1, 1, 1, 1)
        return (squared_norm(real + u * noise).sqrt() - 1) ** 2

    formulas = {
        "none": lambda: 0 * critic(real),
        "wgan_gp": lambda: (squared_norm(u_between(real, fake)).sqrt() - 1) ** 2,
        "wgan_lp": lambda: (
            torch.relu(squared_norm(u_between(real, fake)).sqrt() - 1) ** 2
        ),
        "gp_zero": lambda: squared_norm(u_between(real, fake)),
        "r1": lambda: squared_norm(real) / 2,
        "r2": lambda: squared_norm(fake) / 2,
        "r1_r2": lambda: squared_norm(real) / 2 + squared_norm(fake) / 2,
        "ar1": lambda: difference(real, draws["normal"]),
        "ar1_ar2": lambda: (
            difference(real, draws["normal_real"])
            + difference(fake, draws["normal_fake"])
        ),
        "roth": roth,
        "dragan": dragan,
        "lecam": lambda: (
            torch.relu(critic(real) + 0.3) ** 2 + torch.relu(0.4 - critic(fake)) ** 2
        ),
        "cr": lambda: difference(real, draws["normal"]),
        "bcr": lambda: (
            difference(real, draws["normal_real"])
            + difference(fake, draws["normal_fake"])
        ),
        "zcr": lambda: (
            (
                critic(generator_in_torch(torch, draws))
                - critic(generator_in_torch(torch, draws, 0.3))
            )
            ** 2
        ),
    }
    return formulas[name]()


def documented_draws(keys, like):
    """The random numbers of each penalty, drawn by its documented recipe."""
    first, second = split_each(keys)
    return {
        "u": jax.vmap(jax.random.uniform)(keys),
        "normal": draw_each(jax.random.normal, keys, like),
        "normal_real": draw_each(jax.random.normal, first, like),
        "normal_fake": draw_each(jax.random.normal, second, like),
        "dragan_u": jax.vmap(jax.random.uniform)(first),
        "uniform": draw_each(jax.random.uniform, second, like),
        "z": draw_each(jax.random.normal, first, jnp.zeros((len(keys), Z_DIM))),
        "z_noise": draw_each(jax.random.normal, second, jnp.zeros((len(keys), Z_DIM))),
    }


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", GRADIENTS_TAKEN)
def test_penalty_and_parameter_gradients_equal_pytorch(name):
    import torch

    real, fake = pairs(SHAPES["images"])
    keys, weights = example_keys(7), np.linspace(0.5, 1.5, BATCH, dtype=np.float32)
    penalty = penalty_on(name, SHAPES["images"])

    def total(params):
        critic = partial(critic_in_jax, params)
        value = penalty(critic, real, fake, keys)
        return jnp.sum(value * weights), value

    params = {k: jnp.asarray(v) for k, v in network().items()}
    gradients, value = jax.jit(jax.grad(total, has_aux=True))(params)

    def tensor(array):
        return torch.tensor(np.asarray(array), dtype=torch.float64)

    theirs = {k: tensor(v).requires_grad_() for k, v in params.items()}
    draws = {k: tensor(v) for k, v in documented_draws(keys, real).items()}
    critic = partial(critic_in_torch, torch, theirs)
    expected = oracle(torch, name, critic, tensor(real), tensor(fake), draws)
    slopes = torch.autograd.grad(
        (expected * tensor(weights)).sum(),
        list(theirs.values()),
        allow_unused=True,
        materialize_grads=True,
    )
    assert_close(value, expected.detach().numpy())
    for key, slope in zip(theirs, slopes, strict=True):
        assert_close(gradients[key], slope.numpy())
