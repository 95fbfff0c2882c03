"""An independent statement of Inception-v3 in PyTorch, and weight files of it."""

import functools
import hashlib
import io
from collections import OrderedDict

import numpy as np

from gan_jax.features import weights as inception_weights
from gan_jax.features.inception import InceptionV3, prepare_images

# An independent statement of the network: name -> (in, out, height, width), stride 1
# and the same size unless listed below. Branches of a block are concatenated in order.
STEM = {
    "Conv2d_1a_3x3": (3, 32, 3, 3),
    "Conv2d_2a_3x3": (32, 32, 3, 3),
    "Conv2d_2b_3x3": (32, 64, 3, 3),
    "Conv2d_3b_1x1": (64, 80, 1, 1),
    "Conv2d_4a_3x3": (80, 192, 3, 3),
}
UNPADDED = {"Conv2d_1a_3x3": 2, "Conv2d_2a_3x3": 1, "Conv2d_4a_3x3": 1}
UNPADDED |= {f"Mixed_6a.{name}": 2 for name in ("branch3x3", "branch3x3dbl_3")}
UNPADDED |= {f"Mixed_7a.{name}": 2 for name in ("branch3x3_2", "branch7x7x3_4")}


def block_a(inputs, pool):
    return {
        "branch1x1": (inputs, 64, 1, 1),
        "branch5x5_1": (inputs, 48, 1, 1),
        "branch5x5_2": (48, 64, 5, 5),
        "branch3x3dbl_1": (inputs, 64, 1, 1),
        "branch3x3dbl_2": (64, 96, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
        "branch_pool": (inputs, pool, 1, 1),
    }


def block_c(c):
    return {
        "branch1x1": (768, 192, 1, 1),
        "branch7x7_1": (768, c, 1, 1),
        "branch7x7_2": (c, c, 1, 7),
        "branch7x7_3": (c, 192, 7, 1),
        "branch7x7dbl_1": (768, c, 1, 1),
        "branch7x7dbl_2": (c, c, 7, 1),
        "branch7x7dbl_3": (c, c, 1, 7),
        "branch7x7dbl_4": (c, c, 7, 1),
        "branch7x7dbl_5": (c, 192, 1, 7),
        "branch_pool": (768, 192, 1, 1),
    }


def block_e(inputs):
    return {
        "branch1x1": (inputs, 320, 1, 1),
        "branch3x3_1": (inputs, 384, 1, 1),
        "branch3x3_2a": (384, 384, 1, 3),
        "branch3x3_2b": (384, 384, 3, 1),
        "branch3x3dbl_1": (inputs, 448, 1, 1),
        "branch3x3dbl_2": (448, 384, 3, 3),
        "branch3x3dbl_3a": (384, 384, 1, 3),
        "branch3x3dbl_3b": (384, 384, 3, 1),
        "branch_pool": (inputs, 192, 1, 1),
    }


BLOCKS = {
    "Mixed_5b": block_a(192, 32),
    "Mixed_5c": block_a(256, 64),
    "Mixed_5d": block_a(288, 64),
    "Mixed_6a": {
        "branch3x3": (288, 384, 3, 3),
        "branch3x3dbl_1": (288, 64, 1, 1),
        "branch3x3dbl_2": (64, 96, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
    },
    "Mixed_6b": block_c(128),
    "Mixed_6c": block_c(160),
    "Mixed_6d": block_c(160),
    "Mixed_6e": block_c(192),
    "Mixed_7a": {
        "branch3x3_1": (768, 192, 1, 1),
        "branch3x3_2": (192, 320, 3, 3),
        "branch7x7x3_1": (768, 192, 1, 1),
        "branch7x7x3_2": (192, 192, 1, 7),
        "branch7x7x3_3": (192, 192, 7, 1),
        "branch7x7x3_4": (192, 192, 3, 3),
    },
    "Mixed_7b": block_e(1280),
    "Mixed_7c": block_e(2048),
}
UNITS = STEM | {f"{b}.{u}": s for b, units in BLOCKS.items() for u, s in units.items()}
# Pixels of each layer at 299: valid convolutions and pools by (n - 3) // stride + 1.
SIDES = {"Conv2d_1a_3x3": 149, "Conv2d_2b_3x3": 147, "Conv2d_3b_1x1": 73}
SIDES |= {"Conv2d_4a_3x3": 71, "Mixed_5d": 35, "Mixed_6e": 17, "Mixed_7c": 8}


def random_tensors(seed=0):
    """Weights by their names in the file, and BN statistics that are not 0 and 1."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, (inputs, outputs, height, width) in UNITS.items():
        scale = np.sqrt(2 / (inputs * height * width))
        kernel = rng.normal(size=(outputs, inputs, height, width)) * scale
        tensors[f"{name}.conv.weight"] = kernel
        tensors[f"{name}.bn.weight"] = rng.uniform(0.5, 1.5, outputs)
        tensors[f"{name}.bn.bias"] = rng.normal(size=outputs) / 4
        tensors[f"{name}.bn.running_mean"] = rng.normal(size=outputs) / 4
        tensors[f"{name}.bn.running_var"] = rng.uniform(0.5, 1.5, outputs)
        tensors[f"{name}.bn.num_batches_tracked"] = np.array(7)
    tensors["fc.weight"] = rng.normal(size=(1008, 2048)) / 30
    tensors["fc.bias"] = rng.normal(size=1008)
    single = {name: value.astype(np.float32) for name, value in tensors.items()}
    counters = {n: v for n, v in tensors.items() if v.dtype == np.int64}
    return single | counters


class Reference:
    """The network in PyTorch, channels first, from the tables above."""

    def __init__(self, torch, tensors):
        self.torch, self.f, self.tensors = torch, torch.nn.functional, tensors
        self.seen = {}

    def unit(self, x, name):
        _, _, height, width = UNITS[name]
        stride = UNPADDED.get(name, 1)
        padding = 0 if name in UNPADDED else (height // 2, width // 2)
        get = self.tensors.__getitem__
        x = self.f.conv2d(x, get(f"{name}.conv.weight"), None, stride, padding)
        numbers = ("running_mean", "running_var", "weight", "bias")
        numbers = [get(f"{name}.bn.{number}") for number in numbers]
        self.seen[name] = self.f.relu(self.f.batch_norm(x, *numbers, eps=1e-3))
        return self.seen[name]

    def block(self, x, name, branches, pool):
        """branches: lists of units in a row; a tuple in a row stands side by side."""
        outputs = []
        for row in branches:
            y = x
            for step in row:
                if isinstance(step, tuple):
                    both = [self.unit(y, f"{name}.{part}") for part in step]
                    y = self.torch.cat(both, 1)
                else:
                    y = self.unit(y, f"{name}.{step}")
            outputs.append(y)
        y = pool(x)
        if f"{name}.branch_pool" in UNITS:
            y = self.unit(y, f"{name}.branch_pool")
        self.seen[name] = self.torch.cat([*outputs, y], 1)
        return self.seen[name]

    def __call__(self, x, stem_only=False):
        mean = functools.partial(
            self.f.avg_pool2d,
            kernel_size=3,
            stride=1,
            padding=1,
            count_include_pad=False,
        )
        shrink = functools.partial(self.f.max_pool2d, kernel_size=3, stride=2)
        largest = functools.partial(
            self.f.max_pool2d, kernel_size=3, stride=1, padding=1
        )
        for name in STEM:
            x = self.unit(x, name)
            x = shrink(x) if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3") else x
        if stem_only:
            return None
        double = ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]
        five = ["branch5x5_1", "branch5x5_2"]
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self.block(x, name, [["branch1x1"], five, double], mean)
        x = self.block(x, "Mixed_6a", [["branch3x3"], double], shrink)
        seven = [f"branch7x7_{i}" for i in (1, 2, 3)]
        twice = [f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)]
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self.block(x, name, [["branch1x1"], seven, twice], mean)
        three = ["branch3x3_1", "branch3x3_2"]
        seven = [f"branch7x7x3_{i}" for i in (1, 2, 3, 4)]
        x = self.block(x, "Mixed_7a", [three, seven], shrink)
        three = ["branch3x3_1", ("branch3x3_2a", "branch3x3_2b")]
        double = [*double[:2], ("branch3x3dbl_3a", "branch3x3dbl_3b")]
        for name, pool in (("Mixed_7b", mean), ("Mixed_7c", largest)):
            x = self.block(x, name, [["branch1x1"], three, double], pool)
        features = x.mean((2, 3))
        unbiased = features @ self.tensors["fc.weight"].T
        return features, unbiased, unbiased + self.tensors["fc.bias"]


def assert_close(actual, expected):
    """To 1e-5 of the largest entry."""
    assert np.shape(actual) == np.shape(expected)
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()


def saved(torch, tensors, zipped):
    file = io.BytesIO()
    state = OrderedDict((n, torch.from_numpy(np.array(v))) for n, v in tensors.items())
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def publish(monkeypatch, data):
    """As if this were the published file."""
    monkeypatch.setattr(inception_weights, "SHA256", hashlib.sha256(data).hexdigest())


IMAGES = np.random.default_rng(1).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)


def tf1_resize(images, size):
    """TensorFlow 1's kernel, written per output pixel: positions in float32."""
    batch, height, width, channels = images.shape
    rows, columns = (np.float32(n) / np.float32(size) for n in (height, width))
    result = np.empty((batch, size, size, channels), np.float32)
    for i in range(size):
        y = np.float32(i) * rows
        top, bottom = int(y), min(int(y) + 1, height - 1)
        for j in range(size):
            x = np.float32(j) * columns
            left, right = int(x), min(int(x) + 1, width - 1)
            along = x - np.float32(left)
            a, b = images[:, top, left], images[:, top, right]
            c, d = images[:, bottom, left], images[:, bottom, right]
            upper, lower = a + (b - a) * along, c + (d - c) * along
            result[:, i, j] = upper + (lower - upper) * (y - np.float32(top))
    return result


def torch_inputs(torch, images):
    pixels = np.clip(np.rint((images + 1) * 127.5), 0, 255)
    inputs = ((tf1_resize(pixels, 299) - 128) / 128).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(inputs))


def every_layer(variables, images):
    return InceptionV3().apply(
        variables,
        prepare_images(images),
        capture_intermediates=True,
        mutable="intermediates",
    )


def assert_layers_equal(seen, reference):
    for name, expected in reference.seen.items():
        layer = functools.reduce(
            dict.__getitem__, name.split("."), seen["intermediates"]
        )
        actual = np.asarray(layer["__call__"][0])
        assert_close(actual.transpose(0, 3, 1, 2), expected.numpy())
        side = SIDES.get(name, actual.shape[1])
        assert actual.shape[1:3] == (side, side)
