"""One process of a run on several: trains, and prints which examples it read.

`python host_worker.py CONFIG OUT --coordinator ... --num-processes ... --process-id .`
"""

import json
import sys
from pathlib import Path

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
read, wrote = [], []
open_source, append_rows = execution.make_batch_source, callbacks.append_rows


def open_recorded_source(*arguments):
    """The run's source of data, which records the indices that are read."""
    found = open_source(*arguments)
    return found._replace(read=lambda i: (read.append(np.asarray(i)), found.read(i))[1])


def append_and_record(*arguments):
    wrote.append(True)
    append_rows(*arguments)


execution.make_batch_source = open_recorded_source
callbacks.append_rows = append_and_record
train(from_json(Path(config_path).read_text()), out)
rows = sum(indices.size for indices in read)
first = read[0].reshape(-1, 1).tolist()
print(json.dumps({"rows": rows, "first": first, "wrote": bool(wrote)}))
