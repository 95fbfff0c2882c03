"""The benchmark's PyTorch step is ours: metrics, both players, and the average of G."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from needs import require

from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, Term, init_state, named_arrays
from gan_jax.layers import INITIALIZERS, NORMS, OUTPUTS
from gan_jax.layers.basic import Style
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.objectives import draw, example_keys
from gan_jax.penalties import PENALTIES
from gan_jax.step import player_keys, train_step
from gan_jax.types import Batch

ORACLE = pytest.mark.oracle("torch")
require(ORACLE)

import torch  # noqa: E402

from benchmarks.speed.contenders import count_torch_flops  # noqa: E402
from benchmarks.speed.flops import count_flops  # noqa: E402
from benchmarks.speed.torch_step import (  # noqa: E402
    NETWORKS,
    Adam,
    Draws,
    add_spectral_norms,
    make_step_function,
)

pytestmark = [pytest.mark.slow, ORACLE]

BATCH, Z_DIM, STEPS = 3, 5, 2
# A large eps: with a small one Adam's first update is the gradient's sign, which
# rounding alone decides where the gradient is 0 but for rounding.
ADAM = Adam(learning_rate=0.01, betas=(0.5, 0.9), eps=0.01)
DECAY, WEIGHT = 0.75, 3.0


class Case(NamedTuple):
    """channels: of the image that G's first and D's last dense layer hold flat."""

    network: str
    shape: tuple[int, ...]
    width: int
    channels: tuple[int, int]
    loss: str
    penalty: str


CASES = [
    Case("mlp", (2,), 6, (6, 6), "hinge", "none"),
    Case("mlp", (2,), 6, (6, 6), "wasserstein", "wgan_gp"),
    Case("dcgan", (16, 16, 3), 4, (8, 8), "wasserstein", "wgan_gp"),
    Case("resize", (8, 8, 1), 4, (8, 8), "non_saturating", "r1"),
    Case("resnet", (8, 8, 2), 3, (6, 3), "hinge", "none"),
    Case("resnet", (32, 32, 2), 2, (4, 2), "non_saturating", "r1"),
]


def gan_of(case):
    style = Style(NORMS["none"], None, INITIALIZERS["he"](1.0))
    output = OUTPUTS["linear" if len(case.shape) == 1 else "tanh"]
    pair = MODELS[case.network](case.shape, style, style, output, width=case.width)
    b1, b2 = ADAM.betas
    adam = optax.adam(ADAM.learning_rate, b1, b2, ADAM.eps)
    term = Term(PENALTIES[case.penalty], lambda step: WEIGHT)
    return Gan(
        *pair,
        loss=LOSSES[case.loss],
        z_dim=Z_DIM,
        data_shape=case.shape,
        g_optimizer=adam,
        d_optimizer=adam,
        dynamics=alternating,
        penalties=(term,),
        ema_decay=lambda step: DECAY,
    )


def place(path, kinds):
    """Where a layer stands in its network: kinds in their order, then by number."""
    parts = (part.rpartition("_") for part in path.split("/")[:-1])
    return [(kinds.index(kind), int(number)) for kind, _, number in parts]


ORDER = {
    "generator": ["Dense", "ResBlock", "ConvTranspose", "Conv"],
    "discriminator": ["Conv", "ResBlock", "Dense"],
}


def channels_first(size, channels):
    """Where the numbers of a flat image `[C, H, W]` are in a flat `[H, W, C]`."""
    side = round((size // channels) ** 0.5)
    index = np.arange(size).reshape(side, side, channels)
    return index.transpose(2, 0, 1).ravel()


def translated(params, player, flat):
    """Our parameters as PyTorch's, in the order of its layers: bias, weight, ...

    flat: the channels of the image that is G's first dense layer's output, or D's last
    one's input. PyTorch has the kernels of transposed convolutions mirrored.
    """
    found = sorted(named_arrays(params), key=lambda leaf: place(leaf[0], ORDER[player]))
    ends = {"generator": found[:2], "discriminator": found[-2:]}[player]
    flattened = {path for path, _ in ends}
    result = []
    for path, leaf in found:
        x = np.asarray(leaf)
        if path in flattened and player == "generator":
            x = x[..., channels_first(x.shape[-1], flat)]
        elif path in flattened and x.ndim == 2:
            x = x[channels_first(x.shape[0], flat)]
        if "ConvTranspose" in path and x.ndim == 4:
            x = x[::-1, ::-1].transpose(2, 3, 0, 1)
        elif x.ndim > 1:
            x = x.transpose({2: (1, 0), 4: (3, 2, 0, 1)}[x.ndim])
        result.append(x.copy())
    return result


def images(x):
    """`[B, H, W, C]` as PyTorch has it; points as they are."""
    return torch.from_numpy(np.moveaxis(np.array(x), -1, 1).copy())


def flat_parameters(network):
    """Bias and weight of each layer, in the order in which they are used."""
    kinds = torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.Linear
    found = (layer for layer in network.modules() if isinstance(layer, kinds))
    return [x for layer in found for x in (layer.bias, layer.weight)]


def drawn(gan, state, batch):
    """The latents of both players and the penalty's u, as `train_step` draws them."""
    d_key, g_key = player_keys(state)
    d_keys = example_keys(gan, jax.random.fold_in(d_key, 0), BATCH)
    d_draws = draw(gan, d_keys)
    g_draws = draw(gan, example_keys(gan, g_key, BATCH))
    first = jax.vmap(jax.random.fold_in, (0, None))(d_draws.penalty_keys, 0)
    return d_draws.z, g_draws.z, jax.vmap(jax.random.uniform)(first)


def assert_same(ours, theirs):
    theirs = theirs.detach().numpy()
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


def copied(case, state):
    """PyTorch's networks with our parameters."""
    networks = NETWORKS[case.network](case.shape, case.width, Z_DIM)
    for player, flat, network in zip(ORDER, case.channels, networks, strict=True):
        params = translated(getattr(state, player).params, player, flat)
        for theirs, ours in zip(flat_parameters(network), params, strict=True):
            theirs.data = torch.from_numpy(ours)
    return networks


def queued():
    """Draws, and the queues they take from."""
    normal, uniform = [], []
    draws = Draws(
        lambda *shape: normal.pop(0), lambda *shape: uniform.pop(0).reshape(shape)
    )
    return draws, normal, uniform


def assert_same_network(params, network, player, flat):
    expected = translated(params, player, flat)
    for ours, theirs in zip(expected, flat_parameters(network), strict=True):
        assert_same(ours, theirs)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.network}-{case.loss}-{case.penalty}"
)
def test_step_is_that_of_train_step(case):
    gan = gan_of(case)
    state = jax.jit(partial(init_state, gan))(jax.random.key(0))
    x = np.random.default_rng(0).uniform(-1, 1, (BATCH, *case.shape))
    batch = Batch(jnp.asarray(x, jnp.float32), None)
    networks = copied(case, state)
    draws, normal, uniform = queued()
    rules = (case.loss, case.penalty, WEIGHT, ADAM, DECAY, draws)
    step = make_step_function(networks, images(batch.image), Z_DIM, *rules)
    ours = jax.jit(partial(train_step, gan))
    for _ in range(STEPS):
        d_z, g_z, u = jax.jit(partial(drawn, gan))(state, batch)
        normal += [torch.from_numpy(np.array(z)) for z in (d_z, g_z)]
        uniform += [torch.from_numpy(np.array(u))] * (case.penalty == "wgan_gp")
        state, expected = ours(state, jax.tree.map(lambda x: x[None], batch))
        found = step()
        assert not normal + uniform
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert_same(value, found[name])
    for player, flat, network in zip(ORDER, case.channels, networks, strict=True):
        assert_same_network(getattr(state, player).params, network, player, flat)
    generator, average = networks[0], step.args[0].average
    for parameter, averaged in zip(generator.parameters(), average, strict=True):
        parameter.data = averaged
    averages = state.ema["params"]
    assert_same_network(averages, generator, "generator", case.channels[0])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("side", [8, 28, 64])
def test_networks_make_any_resolution_and_have_as_many_parameters_as_ours(name, side):
    shape = (side, side, 2)
    style = Style(NORMS["none"], None, INITIALIZERS["he"](1.0))
    ours = MODELS[name](shape, style, style, OUTPUTS["tanh"], width=4)
    inputs = [(BATCH, Z_DIM), (BATCH, *shape)]
    theirs = NETWORKS[name](shape, 4, Z_DIM)
    for mine, other, x in zip(ours, theirs, inputs, strict=True):
        init = partial(mine.init, train=True)
        params = jax.eval_shape(init, jax.random.key(0), jnp.zeros(x))
        sizes = sorted(leaf.size for leaf in jax.tree.leaves(params))
        assert sizes == sorted(p.numel() for p in other.parameters())
    fake = theirs[0](torch.zeros(BATCH, Z_DIM))
    assert fake.shape == (BATCH, 2, side, side)
    assert theirs[1](fake).shape == (BATCH,)


def test_spectral_gives_every_layer_of_d_the_norm_1():
    _, network = NETWORKS["resnet"]((8, 8, 2), 4, Z_DIM)
    add_spectral_norms(network)
    for _ in range(200):  # a power iteration each
        network(torch.zeros(1, 2, 8, 8))
    weights = flat_parameters(network.eval())[1::2]
    norms = [torch.linalg.matrix_norm(w.detach().flatten(1), 2).item() for w in weights]
    assert norms == pytest.approx([1.0] * 8, rel=1e-3)


def test_without_draws_each_step_has_its_own_latents():
    networks = NETWORKS["mlp"]((2,), 6, Z_DIM)
    still = Adam(learning_rate=0.0)
    step = make_step_function(
        networks, torch.zeros(BATCH, 2), Z_DIM, "hinge", "wgan_gp", 1.0, still, 0.9
    )
    first, second = step(), step()
    assert first["real_logits"] == second["real_logits"]
    assert first["fake_logits"] != second["fake_logits"]


@pytest.mark.parametrize("name", NETWORKS)
def test_plain_step_costs_pytorch_the_products_that_ours_needs(name):
    """Neither wastes a pass; but ours resizes and convolves in one."""
    case = Case(name, (32, 32, 3), 2, (0, 0), "non_saturating", "none")
    gan = gan_of(case)
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    x = jnp.zeros((BATCH, *case.shape))
    step = make_step_function(
        NETWORKS[name](case.shape, case.width, Z_DIM),
        images(x),
        Z_DIM,
        case.loss,
        case.penalty,
        0.0,
        ADAM,
        DECAY,
    )
    ours = count_flops(partial(train_step, gan), state, Batch(x[None], None))
    assert count_torch_flops(step) == ours + saved_by_resized_convolutions(name)


def saved_by_resized_convolutions(name):
    """At each pixel of the small image 16 products for 36; of a shortcut 1 for 4.

    A generator's layer is passed 4 times in a step, a discriminator's 8 times.
    """

    def layer(side, few, many, less):
        return 2 * BATCH * side**2 * few * many * less

    resized, shortcut = 36 - 16, 4 - 1
    if name == "resize":
        return (4 + 8) * sum(
            layer(32 // 2**i, 2**i, 2 * 2**i, resized) for i in (1, 2, 3)
        )
    if name == "resnet":
        g = sum(layer(side, 4, 4, resized + shortcut) for side in (4, 8, 16))
        d = layer(16, 2, 2, resized) + layer(8, 2, 2, resized + shortcut)
        return 4 * g + 8 * d
    return 0


def test_pytorchs_counter_is_that_of_its_library():
    """Of a network, forward and back: what the library's own counter can follow."""
    from torch.utils.flop_counter import FlopCounterMode

    network = NETWORKS["resnet"]((32, 32, 3), 2, Z_DIM)[1]
    x = torch.zeros(BATCH, 3, 32, 32)

    def run():
        network(x).sum().backward()

    with FlopCounterMode(display=False) as counter:
        run()
    assert count_torch_flops(run) == counter.get_total_flops() > 0
