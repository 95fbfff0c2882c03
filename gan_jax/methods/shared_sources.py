"""Sources that several methods share, with the values that differ from them."""

from gan_jax.methods.sources import (
    D_ALONE,
    D_STEPS,
    OURS,
    SN_GAN,
    UNSAID,
    both_differ,
    sizes_differ,
)

GAN_STABILITY = (
    "LMescheder/GAN_stability, configs/default.yaml and gan_training/train.py"
)
STABILITY_VALUES = {
    "penalty.weight": (20.0, "its code has no 1/2 in the penalty: 10 is 20 here"),
    **both_differ("Adam in place of RMSprop", name="rmsprop", learning_rate=1e-4),
    **sizes_differ(z_dim=256),
}
GOODFELLOW = "goodfeli/adversarial, mnist.yaml and __init__.py (D has dropout)"
GOODFELLOW_VALUES = {
    **both_differ("DCGAN's Adam", name="momentum", learning_rate=0.1),
    **sizes_differ(batch=100, z_dim=100),
}
R3GAN = "arXiv 2501.05441, table 9 (Stacked MNIST), read when the project began"
R3GAN_VALUES = {
    **both_differ("there is no schedule of b2", b2="0.9 to 0.99 by cosine"),
    **sizes_differ(batch=512),
}
RELATIVISTIC = "AlexiaJM/RelativisticGAN, code/stable.sh (CIFAR-10), GAN_losses_iter.py"
STUDIO = "POSTECH-CVLab/PyTorch-StudioGAN, src/configs/CIFAR10/"
STUDIO_VALUES = {
    "d_steps": (5, D_STEPS),
    "model.g_spectral": (True, D_ALONE),
    **both_differ(SN_GAN, b1=0.5, b2=0.999),
    **sizes_differ(z_dim=80),
}

WRITE_UP = "the founding write-up"
UNSTATED_INITIALIZERS = {"model.g_init": (UNSAID, OURS), "model.d_init": (UNSAID, OURS)}
