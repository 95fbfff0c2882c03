"""Which devices a run trains on."""

import jax
from jax.sharding import Mesh

from gan_jax.config import Config
from gan_jax.gan import Gan
from gan_jax.parallel.ensemble import is_faster_in_turn
from gan_jax.parallel.mesh import DATA_AXIS, SEED_AXIS, make_mesh, require_multiple
from gan_jax.parallel.placements import PLACEMENTS


def choose_mesh(config: Config, members: int | None, gan: Gan) -> Mesh:
    """Return the mesh of the devices that take part, in the order of their hosts.

    members: the number of GANs; None for a single one without an axis of members.
    Raises ValueError, naming the field, for devices and placements that are not there.
    """
    devices = sorted(
        jax.devices(), key=lambda device: (device.process_index, device.id)
    )
    available, hosts = len(devices), jax.process_count()
    count = config.devices
    if count is not None and (count > available or (hosts > 1 and count < available)):
        raise ValueError(
            f"devices {count}: there are {available} in {hosts} process(es); leave it "
            "out, or choose one that is there (of several processes all take part)"
        )
    if members is not None:
        refuse_placement_of_many(config.placement, hosts, members)
        count = count or count_devices_of_many(members, available, gan)
        require_multiple("seeds (times the sweep)", members, count)
        return make_mesh(devices[:count], SEED_AXIS)
    refuse_placement_of_one(config, hosts)
    count = count or (1 if config.placement == "jit" else available)
    require_even_batches(config, count)
    return make_mesh(devices[:count], DATA_AXIS)


def count_devices_of_many(members: int, available: int, gan: Gan) -> int:
    """Return the most devices that share out so many GANs evenly.

    It is one device if the GANs train in turn.
    """
    if is_faster_in_turn(gan):
        return 1
    return next(n for n in range(available, 0, -1) if members % n == 0)


def refuse_placement_of_one(config: Config, hosts: int) -> None:
    """Raise ValueError if the placement of a single GAN serves fewer devices."""
    if hosts > 1 and not PLACEMENTS[config.placement].hosts:
        raise ValueError(
            f"placement {config.placement!r}: serves one process, and there are "
            f"{hosts}; choose shard_map or gspmd"
        )
    count = config.devices
    if config.placement == "jit" and count not in (None, 1):
        raise ValueError(
            f"devices {count}: placement 'jit' trains one GAN on one device; "
            "choose placement pmap, shard_map or gspmd, or several --seeds"
        )


def require_even_batches(config: Config, count: int) -> None:
    """Raise ValueError if devices and microbatches do not divide the batch evenly."""
    require_multiple("batch_size", config.batch_size, count)
    if config.batch_size // count % config.microbatches:
        raise ValueError(
            f"microbatches {config.microbatches}: does not divide the "
            f"{config.batch_size // count} examples of a device"
        )


def refuse_placement_of_many(placement: str, hosts: int, members: int) -> None:
    """Raise ValueError for a placement or for hosts that many GANs cannot have."""
    if placement != "jit":
        raise ValueError(
            f"placement {placement!r}: splits the batch of one GAN, and there are "
            f"{members}; leave it out (--devices spreads GANs over devices)"
        )
    if hosts > 1:
        raise ValueError(
            f"seeds: {members} GANs train in one process, and there are {hosts}; start "
            "one process, or one for each part of the seeds"
        )
