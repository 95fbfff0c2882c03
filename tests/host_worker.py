"""One process of a run on several: trains, and prints which examples it read.

`python host_worker.py CONFIG OUT --coordinator ... --num-processes ... --process-id .`
"""

import json
import sys
from pathlib import Path

import numpy as np

from gan_jax import train
from gan_jax.config.serialization import from_json
from gan_jax.logs import metric_log as logs
from gan_jax.parallel import execution as program
from gan_jax.parallel.multihost import join

config_path, out, *flags = sys.argv[1:]
values = dict(zip(flags[::2], flags[1::2], strict=True))
join(
    values["--coordinator"], int(values["--num-processes"]), int(values["--process-id"])
)
read, wrote = [], []
source, append_lines = program.make_batch_source, logs.append_lines


def noted(*arguments):
    """The run's source of data, which notes the indices that are read."""
    found = source(*arguments)
    return found._replace(read=lambda i: (read.append(np.asarray(i)), found.read(i))[1])


def noting(*arguments):
    wrote.append(True)
    append_lines(*arguments)


program.make_batch_source, logs.append_lines = noted, noting
train(from_json(Path(config_path).read_text()), out)
rows = sum(indices.size for indices in read)
first = read[0].reshape(-1, 1).tolist()
print(json.dumps({"rows": rows, "first": first, "wrote": bool(wrote)}))
