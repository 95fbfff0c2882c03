"""One process of a run on several: trains, and prints which part of its batches it had.

`python host_worker.py CONFIG OUT --coordinator ... --num-processes ... --process-id .`
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np

from gan_jax import train
from gan_jax.config.serialization import from_json
from gan_jax.parallel import execution
from gan_jax.parallel.multihost import join_processes
from gan_jax.run import callbacks

config_path, out, *flags = sys.argv[1:]
values = dict(zip(flags[::2], flags[1::2], strict=True))
join_processes(
    values["--coordinator"], int(values["--num-processes"]), int(values["--process-id"])
)
had, wrote = [], []
make_feed, append_rows = execution.make_feed, callbacks.append_rows


def make_recorded_feed(*arguments):
    """The feed of the run; it records the part of each batch that this process has."""
    feed = make_feed(*arguments)

    def record(split):
        shards = jax.tree.leaves(split)[0].addressable_shards
        had.append(np.concatenate([shard.data for shard in shards], axis=2))
        return split

    return feed._replace(splits=lambda bounds: map(record, feed.splits(bounds)))


def append_and_record(*arguments):
    wrote.append(True)
    append_rows(*arguments)


execution.make_feed = make_recorded_feed
callbacks.append_rows = append_and_record
train(from_json(Path(config_path).read_text()), out)
rows = sum(places.size for places in had)
first = had[0].reshape(-1, 1).tolist()
print(json.dumps({"rows": rows, "first": first, "wrote": bool(wrote)}))
