"""How many steps a dispatch makes.

The host waits for the dispatch that runs when it stops, measures or saves. So a
dispatch is short: about a second at most, as far as the work of a step tells. The
number follows from the Config and the kind of the devices alone, never from a
measured time, so that a resumed run makes the same dispatches.
"""

from functools import partial

import jax
import jax.numpy as jnp

from gan_jax.config import Config
from gan_jax.gan import Gan, init_state, net_variables
from gan_jax.parallel.ensemble import has_convolutions
from gan_jax.types import Array, TrainState

LONGEST_CALL = 100
"""The most steps in one dispatch whose number is `auto`."""
MOST_FLOPS = {"cpu": 5e10}
"""The floating-point operations of a dispatch on one device, by its backend: about what
a core does in a second (R1 on the ring: 68 GFLOP/s)."""
MOST_FLOPS_OF_ACCELERATOR = 1e13
"""The same for a backend that MOST_FLOPS does not name: what a small GPU does in a
second, and an H200 in less than a tenth of one."""
STEP_COST = 10
"""The operations of a step with one D update, in passes of its batch through G and D.

Of two networks of equal cost c, a pass costs 2 c. The update of D costs 1 c for the
fakes and 3 c each for the forward and the backward pass of reals and fakes; that of G
costs 6 c. A penalty on D's gradient costs about 6 c more.
"""


def choose_steps_per_call(
    config: Config, gan: Gan, streams: bool, gans_per_device: float
) -> tuple[int, str]:
    """Return the number of steps in one dispatch, and the reason for it.

    streams: whether the host reads the examples. gans_per_device: the GANs that train
    on each device; a part of 1 where the devices share out the batch of one GAN.
    """
    if config.steps_per_call != "auto":
        return config.steps_per_call, "as asked"
    if streams:
        return 1, "its rows are read from disk"
    if jax.default_backend() == "cpu" and has_convolutions(gan):
        return 1, "XLA runs convolutions in a loop slowly on CPU"
    most = min(config.log.every, LONGEST_CALL)
    limit = MOST_FLOPS.get(jax.default_backend(), MOST_FLOPS_OF_ACCELERATOR)
    short = int(limit / (gans_per_device * estimate_step_flops(config, gan)))
    if short >= most:
        return most, "one scan"
    # A divisor, so that logged steps end a dispatch and all dispatches are one program.
    divisors = (count for count in range(1, short + 1) if most % count == 0)
    return max(divisors, default=1), "one scan of about a second at most"


def estimate_step_flops(config: Config, gan: Gan) -> float:
    """Return roughly the floating-point operations of a step of one GAN.

    It is `STEP_COST * d_steps` passes of a batch through G and D, by XLA's count. It is
    1 where the backend counts nothing.
    """

    def judge_fakes(state: TrainState, z: Array, label: Array | None) -> Array:
        variables = net_variables(state.generator)
        fakes = gan.generator.apply(variables, z, label, train=False)
        fakes = jnp.concatenate([fakes] * gan.pack, axis=-1)  # pyright: ignore
        variables = net_variables(state.discriminator)
        return gan.discriminator.apply(variables, fakes, label, train=False)  # pyright: ignore

    # On one device, so that a layer finds the axis over which it takes means.
    on_device = jax.vmap(judge_fakes, (None, 0, 0), axis_name=gan.axis_name)
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    count = config.batch_size
    z = jax.ShapeDtypeStruct((1, count, gan.z_dim), jnp.float32)
    label = None
    if gan.label_count is not None:
        label = jax.ShapeDtypeStruct((1, count), jnp.int32)
    lowered = jax.jit(on_device).lower(state, z, label)
    try:
        one_pass = (lowered.cost_analysis() or {}).get("flops", 0.0)
    except jax.errors.JaxRuntimeError:  # Some backends have no such count.
        one_pass = 0.0
    return max(1.0, STEP_COST * config.d_steps * one_pass)
