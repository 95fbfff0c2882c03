"""An independent statement of EfficientNet-Lite0 and Lite2 in PyTorch."""

import numpy as np

# Kernel, stride, channels in, expanded and out of each block, written out.
LITE0 = (
    (3, 1, 32, 32, 16),
    (3, 2, 16, 96, 24),
    (3, 1, 24, 144, 24),
    (5, 2, 24, 144, 40),
    (5, 1, 40, 240, 40),
    (3, 2, 40, 240, 80),
    (3, 1, 80, 480, 80),
    (3, 1, 80, 480, 80),
    (5, 1, 80, 480, 112),
    (5, 1, 112, 672, 112),
    (5, 1, 112, 672, 112),
    (5, 2, 112, 672, 192),
    (5, 1, 192, 1152, 192),
    (5, 1, 192, 1152, 192),
    (5, 1, 192, 1152, 192),
    (3, 1, 192, 1152, 320),
)
LITE2 = (
    (3, 1, 32, 32, 16),
    (3, 2, 16, 96, 24),
    (3, 1, 24, 144, 24),
    (3, 1, 24, 144, 24),
    (5, 2, 24, 144, 48),
    (5, 1, 48, 288, 48),
    (5, 1, 48, 288, 48),
    (3, 2, 48, 288, 88),
    (3, 1, 88, 528, 88),
    (3, 1, 88, 528, 88),
    (3, 1, 88, 528, 88),
    (5, 1, 88, 528, 120),
    (5, 1, 120, 720, 120),
    (5, 1, 120, 720, 120),
    (5, 1, 120, 720, 120),
    (5, 2, 120, 720, 208),
    (5, 1, 208, 1248, 208),
    (5, 1, 208, 1248, 208),
    (5, 1, 208, 1248, 208),
    (5, 1, 208, 1248, 208),
    (3, 1, 208, 1248, 352),
)
NETWORKS = {"lite0": LITE0, "lite2": LITE2}


class Reference:
    """The network in PyTorch, channels first, from the tensors of the weight file.

    seen: the output of each block, and those of the first and the last batch norm, by
    the names of their Flax modules.
    """

    def __init__(self, torch, tensors, blocks):
        self.f = torch.nn.functional
        self.tensors, self.blocks, self.seen = tensors, blocks, {}

    def convolve(self, x, name, kernel, stride=1, groups=1):
        weight = self.tensors[f"{name}.weight"]
        assert weight.shape[2:] == (kernel, kernel)
        # TensorFlow's SAME: an odd number of zeros has one more at the end.
        total = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape]
        (top, left), (high, wide) = (t // 2 for t in total[2:]), total[2:]
        x = self.f.pad(x, (left, wide - left, top, high - top))
        return self.f.conv2d(x, weight, None, stride, groups=groups)

    def normalize(self, x, name):
        numbers = ("running_mean", "running_var", "weight", "bias")
        numbers = [self.tensors[f"{name}.{number}"] for number in numbers]
        return self.f.batch_norm(x, *numbers, eps=1e-3)

    def block(self, x, name, kernel, stride, inputs, expanded, outputs):
        y = x
        if f"{name}._expand_conv.weight" in self.tensors:
            y = self.convolve(y, f"{name}._expand_conv", 1)
            y = self.f.relu6(self.normalize(y, f"{name}._bn0"))
        assert (x.shape[1], y.shape[1]) == (inputs, expanded)
        y = self.convolve(y, f"{name}._depthwise_conv", kernel, stride, expanded)
        y = self.f.relu6(self.normalize(y, f"{name}._bn1"))
        y = self.convolve(y, f"{name}._project_conv", 1)
        y = self.normalize(y, f"{name}._bn2")
        assert y.shape[1] == outputs
        return x + y if stride == 1 and inputs == outputs else y

    def __call__(self, x):
        seen = self.seen
        seen["bn0"] = self.normalize(self.convolve(x, "_conv_stem", 3, 2), "_bn0")
        x = self.f.relu6(seen["bn0"])
        for number, sizes in enumerate(self.blocks):
            x = seen[f"blocks_{number}"] = self.block(x, f"_blocks.{number}", *sizes)
        seen["bn1"] = self.normalize(self.convolve(x, "_conv_head", 1), "_bn1")
        return self.f.relu6(seen["bn1"]).mean((2, 3))


def assert_close(actual, expected):
    """To 1e-4 of the largest entry."""
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()
