"""Where the values of METHODS differ from those of their sources, field by field.

docs/method_values.md is made of this by `python -m experiments.values`. What all
methods share is said there once and not repeated here: the networks and their
initialization, the data, the number of steps, the average of G, and that latents are
normal (many sources draw them uniformly).
"""

from typing import Any, NamedTuple

Differences = dict[str, tuple[Any, str]]


class Source(NamedTuple):
    """read: the file or paper that the values were compared with, or UNREAD. differs:
    dotted field of the Config -> (its value in the source, why it is another here)."""

    read: str
    differs: Differences = {}


UNREAD = "not checked"
SIZE = "one size for all methods, for a fair comparison"
D_STEPS = "one D step, for a fair comparison"
DCGAN = "that of DCGAN"
SN_GAN = "that of SNGAN"
LOSS = "the plain GAN's loss"
ALONE = "the part alone, without the source's other stabilizers"
D_ALONE = "D alone is normalized, as in SNGAN"
UNSAID = "the source does not say"
OURS = "chosen here"


def sizes(batch: int | None = None, z_dim: int | None = None) -> Differences:
    """The batch and the latent of a source that has others."""
    found = {"batch_size": batch, "model.z_dim": z_dim}
    return {name: (value, SIZE) for name, value in found.items() if value is not None}


def both(why: str, **there: Any) -> Differences:
    """Fields of both optimizers."""
    groups = "g_optimizer", "d_optimizer"
    return {f"{g}.{name}": (v, why) for name, v in there.items() for g in groups}


GAN_STABILITY = (
    "LMescheder/GAN_stability, configs/default.yaml and gan_training/train.py"
)
STABILITY_VALUES = {
    "penalty.weight": (20.0, "its code has no 1/2 in the penalty: 10 is 20 here"),
    **both("Adam in place of RMSprop", name="rmsprop", learning_rate=1e-4),
    **sizes(z_dim=256),
}
R3GAN = "arXiv 2501.05441, table 9 (Stacked MNIST), read when the project began"
R3GAN_VALUES = {
    **both("there is no schedule of b2", b2="0.9 to 0.99 by cosine"),
    **sizes(batch=512),
}
RELATIVISTIC = "AlexiaJM/RelativisticGAN, code/stable.sh (CIFAR-10)"
BIGGAN = "google/compare_gan, example_configs/biggan_imagenet128.gin"
STUDIO = "POSTECH-CVLab/PyTorch-StudioGAN, src/configs/CIFAR10/"
STUDIO_VALUES = {
    "d_steps": (5, D_STEPS),
    "model.g_spectral": (True, D_ALONE),
    **both(SN_GAN, b1=0.5, b2=0.999),
    **sizes(z_dim=80),
}

DEVIATIONS: dict[str, Source] = {
    # Objectives
    "ns_gan": Source(UNREAD, both("DCGAN's Adam", name="momentum")),
    "minimax": Source(UNREAD, both("DCGAN's Adam", name="momentum")),
    "lsgan": Source(
        "xudonmao/LSGAN, train_lsun.py",
        {**both(DCGAN, learning_rate=1e-3), **sizes(z_dim=1024)},
    ),
    "wgan": Source(
        "martinarjovsky/WassersteinGAN, main.py",
        {
            "d_steps": (
                "5, but 100 in the first 25 steps and in every 500th",
                "as in the paper's algorithm 1",
            ),
            **sizes(z_dim=100),
        },
    ),
    "wgan_gp": Source(
        "arXiv 1704.00028, algorithm 1, read when the project began; "
        "igul222/improved_wgan_training, gan_mnist.py and gan_cifar_resnet.py",
        sizes(z_dim=128),
    ),
    "wgan_lp": Source(UNREAD),
    "dragan": Source("kodalinaveen3/DRAGAN, DRAGAN.ipynb", sizes(batch=128, z_dim=100)),
    "r1": Source(GAN_STABILITY, STABILITY_VALUES),
    "r1_r2": Source(GAN_STABILITY, STABILITY_VALUES),
    "ar1_ar2": Source(
        "arXiv 2501.08316 (a video model, approximated R1 alone); pairing and "
        "approximated R2 of arXiv 2506.05301 and 2506.09350, second-hand",
        {
            "loss.name": ("non_saturating", "that of the successors"),
            **both("those of r3gan", name="rmsprop", learning_rate=5e-6),
            **sizes(batch=9062),
        },
    ),
    "rpgan": Source(
        RELATIVISTIC,
        {
            "model.d_spectral": (True, ALONE),
            **both("those of r3gan", b1=0.5, b2=0.999),
            **sizes(batch=32),
        },
    ),
    "rpgan_r1": Source(R3GAN, R3GAN_VALUES),
    "r3gan": Source(R3GAN, R3GAN_VALUES),
    "sn_gan": Source(
        "pfnet-research/sngan_projection, configs/sn_cifar10_unconditional.yml",
        {
            "batch_size": ("64 for D, 128 for G", "both players meet one batch"),
            **sizes(z_dim=128),
        },
    ),
    "hinge": Source(UNREAD),
    "ragan": Source(
        RELATIVISTIC, {"model.d_spectral": (True, ALONE), **sizes(batch=32)}
    ),
    "alpha": Source(
        "SankarLab/AlphaGan-Papers-Results, experiment1.py and experiments/2D.py",
        sizes(batch=128, z_dim=2),
    ),
    "ttur": Source(
        "brain-research/self-attention-gan, model.py",
        {
            "loss.name": ("hinge", "the two rates alone, with the usual loss"),
            "model.d_spectral": (True, ALONE),
            "model.g_spectral": (True, ALONE),
            "g_optimizer.learning_rate": (
                "4e-4, divided by up to 4 after 100,000 steps",
                "1e-4 from the start, as in the paper",
            ),
            **both("0.9, as in the paper", b2=0.999),
            **sizes(z_dim=128),
        },
    ),
    # Rules of play
    "extra_adam": Source(
        "GauthierGidel/Variational-Inequality-GAN, train_extraadam.py, in a copy",
        sizes(z_dim=128),
    ),
    "optimistic_adam": Source(
        "vsyrgkanis/optimistic_GAN_training, script/cifar10.py",
        {
            "d_steps": (5, "1, which the paper tries beside its script's 5"),
            **sizes(z_dim=100),
        },
    ),
    "consensus": Source(
        "LMescheder/TheNumericsOfGANs, experiments/celebA/conopt.py and "
        "consensus_gan/optimizer.py (RMSprop's v starts at 1, eps is inside the root)",
        {
            **both("that of its CIFAR-10 scripts, gamma 0.1", learning_rate=5e-5),
            **sizes(batch=128, z_dim=256),
        },
    ),
    "sga": Source(
        "the authors' notebook, read when the project began (TensorFlow's RMSprop: v "
        "starts at 1, eps is inside the root)",
        sizes(batch=256),
    ),
    "competitive": Source(UNREAD),
    "unrolled": Source(
        "poolio/unrolled_gan, Unrolled GAN demo.ipynb", sizes(batch=512, z_dim=256)
    ),
    "lookahead": Source(
        "Chavdarova/LAGAN-Lookahead_Minimax, lagan/exe.sh (CIFAR-10)",
        {
            "loss.name": ("hinge", LOSS),
            "d_steps": (5, D_STEPS),
            **both(DCGAN, b1=0.0),
            **sizes(batch=128, z_dim=128),
        },
    ),
    "negative_momentum": Source(UNREAD),
    # Stabilizers
    "label_smoothing": Source(UNREAD),
    "instance_noise": Source(UNREAD),
    "diff_augment": Source(
        "mit-han-lab/data-efficient-gans, DiffAugment-biggan-cifar/scripts",
        {
            "loss.name": ("hinge", LOSS),
            "model.d_spectral": (True, ALONE),
            "model.g_spectral": (True, ALONE),
            "augment.name": (
                "translation and cutout",
                "all three, as in its StyleGAN2",
            ),
            "d_steps": (4, D_STEPS),
            **sizes(batch=50),
        },
    ),
    "ada": Source(
        "NVlabs/stylegan2-ada, train.py (cifar), in copies",
        {
            "penalty.weight": (0.01, "10, as for other data and smaller networks"),
            "penalty.every": (16, "every step: laziness is a risk of its own"),
            **both("no equalized learning rate here", learning_rate=2.5e-3),
            **sizes(z_dim=512),
        },
    ),
    "lecam": Source(
        "google/lecam-gan, biggan_cifar/scripts/lc-biggan-cifar10.sh",
        {
            "penalty.decay": (0.9, "0.99, as in StudioGAN"),
            "model.g_spectral": (True, D_ALONE),
            "d_steps": (4, D_STEPS),
            **both(SN_GAN, b2=0.999),
            **sizes(batch=50),
        },
    ),
    "cr": Source(f"{STUDIO}CRGAN.json", STUDIO_VALUES),
    "bcr": Source(f"{STUDIO}ICRGAN.json, which has zcr beside it", STUDIO_VALUES),
    "zcr": Source(f"{STUDIO}ICRGAN.json, which has bcr beside it", STUDIO_VALUES),
    "path_length": Source(
        "NVlabs/stylegan2-ada, train.py (stylegan2), in copies",
        {
            "penalty.every": (16, "every step: laziness is a risk of its own"),
            **both("no equalized learning rate here", learning_rate=2e-3),
            **sizes(batch=32, z_dim=512),
        },
    ),
    "orthogonal": Source(
        f"arXiv 1809.11096, read when the project began; {BIGGAN}",
        {"d_steps": (2, D_STEPS), **sizes(batch=2048, z_dim=120)},
    ),
    "top_k": Source(UNREAD),
    "pacgan2": Source(
        "fjxmlzn/PacGAN, stacked_MNIST_experiments/VEEGAN_experiment (64 packs; G is "
        "updated twice a step)",
        sizes(z_dim=100),
    ),
    "minibatch_stddev": Source(
        "tkarras/progressive_growing_of_gans, config.py (statistics of whole batches)",
        {
            "loss.name": ("wasserstein", ALONE),
            "penalty.name": ("wgan_gp", ALONE),
            **both(DCGAN, learning_rate=1e-3),
            **both(DCGAN, b1=0.0, b2=0.99),
            **sizes(batch=16, z_dim=512),
        },
    ),
    "minibatch_discrimination": Source(
        "openai/improved-gan, mnist_svhn_cifar10/"
        "train_cifar_minibatch_discrimination.py (with labels for 400 of a class)",
        {
            "loss.name": ("minimax, of a classifier's logits", LOSS),
            **both(DCGAN, learning_rate=3e-4),
            **sizes(batch=100, z_dim=100),
        },
    ),
    # Founding configurations
    "dense_conv": Source(
        "the founding write-up",
        {"model.g_init": (UNSAID, OURS), "model.d_init": (UNSAID, OURS)},
    ),
    "conv_7x7": Source(
        "the founding write-up",
        {"model.g_init": (UNSAID, OURS), "model.d_init": (UNSAID, OURS)},
    ),
    "dcgan64_gp": Source(
        "the founding write-up",
        {"loss.name": ("any", "the loss that its penalty was made for")},
    ),
    "mlp_sgd": Source("the founding write-up", both(OURS, learning_rate=UNSAID)),
    "mlp_leaky": Source(
        "the founding write-up",
        {"model.g_init": (UNSAID, OURS), "model.d_init": (UNSAID, OURS)},
    ),
}
