"""A TrainState on disk, by Orbax. No pickle is ever read."""

from pathlib import Path
from typing import Any

import jax

from gan_jax.types import TrainState


def storable(state: TrainState) -> TrainState:
    """The state with its typed key as plain integers."""
    return state.replace(key=jax.random.key_data(state.key))  # pyright: ignore


def save_state(folder: Path, state: TrainState) -> None:
    """Write the state to a new folder, or replace the one that is there.

    Of several processes, all of which have the whole state, the first writes.
    """
    import orbax.checkpoint as ocp

    arrays = jax.device_get(storable(state))
    if jax.process_index() != 0:
        return
    alone = ocp.options.MultiprocessingOptions(primary_host=0, active_processes={0})
    with ocp.StandardCheckpointer(multiprocessing_options=alone) as checkpointer:
        checkpointer.save(folder.absolute(), arrays, force=True)


def load_state(folder: Path, like: Any) -> TrainState:
    """The state in `folder`, of the shapes of `like` (from `jax.eval_shape`)."""
    import orbax.checkpoint as ocp

    if not folder.is_dir():
        raise ValueError(f"checkpoint {folder}: there is none; did the run finish?")
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    target = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        jax.eval_shape(storable, like),
    )
    with ocp.StandardCheckpointer() as checkpointer:
        state = checkpointer.restore(folder.absolute(), target)
    return state.replace(key=jax.random.wrap_key_data(state.key))
