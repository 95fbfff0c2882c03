"""Where the values of METHODS differ from those of their sources, field by field.

`python -m experiments.tables` writes docs/method_values.md from DEVIATIONS. Deviations
that all methods share stand there once and are not repeated here.
"""

from gan_jax.methods.shared_sources import (
    GAN_STABILITY,
    GOODFELLOW,
    GOODFELLOW_VALUES,
    R3GAN,
    R3GAN_VALUES,
    RELATIVISTIC,
    STABILITY_VALUES,
    STUDIO,
    STUDIO_VALUES,
    UNSTATED_INITIALIZERS,
    WRITE_UP,
)
from gan_jax.methods.sources import (
    ALONE,
    D_ALONE,
    D_STEPS,
    DCGAN,
    LOSS,
    OURS,
    SN_GAN,
    UNREAD,
    UNSAID,
    Source,
    both_differ,
    sizes_differ,
)

DEVIATIONS: dict[str, Source] = {
    # Objectives
    "ns_gan": Source(GOODFELLOW, GOODFELLOW_VALUES),
    "minimax": Source(
        GOODFELLOW,
        {
            "loss.name": ("non_saturating", "the paper's own game, its equation 1"),
            **GOODFELLOW_VALUES,
        },
    ),
    "lsgan": Source(
        "xudonmao/LSGAN, train_lsun.py",
        {
            **both_differ(DCGAN, learning_rate=1e-3),
            **sizes_differ(z_dim=1024),
        },
    ),
    "wgan": Source(
        "martinarjovsky/WassersteinGAN, main.py",
        {
            "d_steps": (
                "5, but 100 in the first 25 steps and in every 500th",
                "as in the paper's algorithm 1",
            ),
            **sizes_differ(z_dim=100),
        },
    ),
    "wgan_gp": Source(
        "arXiv 1704.00028, algorithm 1, read when the project began; "
        "igul222/improved_wgan_training, gan_mnist.py and gan_cifar_resnet.py",
        sizes_differ(z_dim=128),
    ),
    "wgan_lp": Source(
        "mikigom/WGAN-LP-tensorflow, trainer.py, a reproduction by others (Swiss roll; "
        "x^ beside the reals, as in DRAGAN)",
        {
            "penalty.weight": (5.0, "that of wgan_gp"),
            "d_steps": ("10, but 100 in the first 25 steps", "that of wgan_gp"),
            **both_differ("those of wgan_gp", name="rmsprop", learning_rate=5e-5),
            **sizes_differ(batch=256, z_dim=2),
        },
    ),
    "dragan": Source(
        "kodalinaveen3/DRAGAN, DRAGAN.ipynb", sizes_differ(batch=128, z_dim=100)
    ),
    "r1": Source(GAN_STABILITY, STABILITY_VALUES),
    "r1_r2": Source(GAN_STABILITY, STABILITY_VALUES),
    "ar1_ar2": Source(
        "arXiv 2501.08316 (a video model, approximated R1 alone); pairing and "
        "approximated R2 of arXiv 2506.05301 and 2506.09350, second-hand",
        {
            "loss.name": ("non_saturating", "that of the successors"),
            **both_differ("those of r3gan", name="rmsprop", learning_rate=5e-6),
            **sizes_differ(batch=9062),
        },
    ),
    "rpgan": Source(
        RELATIVISTIC,
        {
            "model.d_spectral": (True, ALONE),
            **both_differ("those of r3gan", b1=0.5, b2=0.999),
            **sizes_differ(batch=32, z_dim=128),
        },
    ),
    "rpgan_r1": Source(R3GAN, R3GAN_VALUES),
    "r3gan": Source(R3GAN, R3GAN_VALUES),
    "sn_gan": Source(
        "pfnet-research/sngan_projection, configs/sn_cifar10_unconditional.yml",
        {
            "batch_size": ("64 for D, 128 for G", "both players meet one batch"),
            **sizes_differ(z_dim=128),
        },
    ),
    "hinge": Source(
        "lim0606/pytorch-geometric-gan, scripts/exp2.mnist.sh and main.py",
        {
            "d_steps": ("1, with 10 steps of G", "one of each, for a fair comparison"),
            **both_differ(DCGAN, name="rmsprop"),
            **sizes_differ(z_dim=100),
        },
    ),
    "ragan": Source(
        RELATIVISTIC,
        {"model.d_spectral": (True, ALONE), **sizes_differ(batch=32, z_dim=128)},
    ),
    "alpha": Source(
        "SankarLab/AlphaGan-Papers-Results, experiment1.py and experiments/2D.py",
        sizes_differ(batch=128, z_dim=2),
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
            **both_differ("0.9, as in the paper", b2=0.999),
            **sizes_differ(z_dim=128),
        },
    ),
    # Rules of play
    "extra_adam": Source(
        "GauthierGidel/Variational-Inequality-GAN, train_extraadam.py, in a copy",
        sizes_differ(z_dim=128),
    ),
    "optimistic_adam": Source(
        "vsyrgkanis/optimistic_GAN_training, script/cifar10.py",
        {
            "d_steps": (5, "1, which the paper tries beside its script's 5"),
            **sizes_differ(z_dim=100),
        },
    ),
    "consensus": Source(
        "LMescheder/TheNumericsOfGANs, experiments/celebA/conopt.py and "
        "consensus_gan/optimizer.py (RMSprop's v starts at 1, eps is inside the root)",
        {
            **both_differ(
                "that of its CIFAR-10 scripts, gamma 0.1", learning_rate=5e-5
            ),
            **sizes_differ(batch=128, z_dim=256),
        },
    ),
    "sga": Source(
        "the authors' notebook, read when the project began (TensorFlow's RMSprop: v "
        "starts at 1, eps is inside the root)",
        sizes_differ(batch=256),
    ),
    "competitive": Source(
        "f-t-s/CGD, two_modes_gan.jl and optimizers_abstract.jl (two modes in the "
        "plane; the inner system is solved for one player, in turn)",
        {
            **both_differ(
                OURS, name="scaled as by RMSprop, decay 0.9", learning_rate=0.025
            ),
            "dynamics.k": ("to a residual of 1e-6", "a bound on the cost of a step"),
            **sizes_differ(batch=256, z_dim=512),
        },
    ),
    "unrolled": Source(
        "poolio/unrolled_gan, Unrolled GAN demo.ipynb",
        sizes_differ(batch=512, z_dim=256),
    ),
    "lookahead": Source(
        "Chavdarova/LAGAN-Lookahead_Minimax, lagan/exe.sh (CIFAR-10)",
        {
            "loss.name": ("hinge", LOSS),
            "d_steps": (5, D_STEPS),
            **both_differ(DCGAN, b1=0.0),
            **sizes_differ(batch=128, z_dim=128),
        },
    ),
    "negative_momentum": Source(
        "arXiv 1807.04740, its abstract alone", {"loss.name": ("minimax", LOSS)}
    ),
    # Stabilizers
    "label_smoothing": Source(
        "openai/improved-gan, imagenet/train_imagenet.py and build_model.py (with "
        "labels; G's target is 0.375)",
        {
            "loss.real_target": (0.75, "0.9, the usual value"),
            **both_differ(DCGAN, learning_rate=4e-4),
            **sizes_differ(z_dim=8192),
        },
    ),
    "instance_noise": Source(UNREAD),
    "diff_augment": Source(
        "mit-han-lab/data-efficient-gans, scripts and utils.py of its "
        "DiffAugment-biggan-cifar",
        {
            "loss.name": ("hinge", LOSS),
            "model.d_spectral": (True, ALONE),
            "model.g_spectral": (True, ALONE),
            "augment.name": (
                "translation and cutout",
                "all three, as in its StyleGAN2",
            ),
            "d_steps": (4, D_STEPS),
            **both_differ(DCGAN, b1=0.0),
            **sizes_differ(batch=50, z_dim=128),
        },
    ),
    "ada": Source(
        "NVlabs/stylegan2-ada, train.py (cifar), in copies",
        {
            "penalty.weight": (0.01, "10, as for other data and smaller networks"),
            "model.d_minibatch": ("stddev", ALONE),
            "penalty.every": (16, "every step: laziness is a risk of its own"),
            **both_differ("no equalized learning rate here", learning_rate=2.5e-3),
            **sizes_differ(z_dim=512),
        },
    ),
    "lecam": Source(
        "google/lecam-gan, biggan_cifar/scripts/lc-biggan-cifar10.sh (on the code of "
        "diff_augment's source)",
        {
            "penalty.decay": (0.9, "0.99, as in StudioGAN"),
            "model.g_spectral": (True, D_ALONE),
            "d_steps": (4, D_STEPS),
            **both_differ(SN_GAN, b2=0.999),
            **sizes_differ(batch=50, z_dim=128),
        },
    ),
    "cr": Source(f"{STUDIO}CRGAN.json", STUDIO_VALUES),
    "bcr": Source(f"{STUDIO}ICRGAN.json, which has zcr beside it", STUDIO_VALUES),
    "zcr": Source(f"{STUDIO}ICRGAN.json, which has bcr beside it", STUDIO_VALUES),
    "path_length": Source(
        "NVlabs/stylegan2-ada, train.py (stylegan2), in copies",
        {
            "model.d_minibatch": ("stddev", ALONE),
            "penalty.every": (16, "every step: laziness is a risk of its own"),
            **both_differ("no equalized learning rate here", learning_rate=2e-3),
            **sizes_differ(batch=32, z_dim=512),
        },
    ),
    "orthogonal": Source(
        "arXiv 1809.11096, read when the project began; google/compare_gan, "
        "example_configs/biggan_imagenet128.gin",
        {"d_steps": (2, D_STEPS), **sizes_differ(batch=2048, z_dim=120)},
    ),
    "top_k": Source(UNREAD),
    "pacgan2": Source(
        "fjxmlzn/PacGAN, stacked_MNIST_experiments/VEEGAN_experiment (64 packs; G is "
        "updated twice a step)",
        sizes_differ(z_dim=100),
    ),
    "minibatch_stddev": Source(
        "tkarras/progressive_growing_of_gans, config.py (statistics of whole batches)",
        {
            "loss.name": ("wasserstein", ALONE),
            "penalty.name": ("wgan_gp", ALONE),
            **both_differ(DCGAN, learning_rate=1e-3),
            **both_differ(DCGAN, b1=0.0, b2=0.99),
            **sizes_differ(batch=16, z_dim=512),
        },
    ),
    "minibatch_discrimination": Source(
        "openai/improved-gan, mnist_svhn_cifar10/"
        "train_cifar_minibatch_discrimination.py (with labels for 400 of a class; G is "
        "updated three times a step)",
        {
            "loss.name": ("minimax, of a classifier's logits", LOSS),
            **both_differ(DCGAN, learning_rate=3e-4),
            **sizes_differ(batch=100, z_dim=100),
        },
    ),
    # Founding configurations
    "dense_conv": Source(WRITE_UP, UNSTATED_INITIALIZERS),
    "conv_7x7": Source(WRITE_UP, UNSTATED_INITIALIZERS),
    "dcgan64_gp": Source(
        WRITE_UP,
        {"loss.name": ("any", "the loss that its penalty was made for")},
    ),
    "mlp_sgd": Source(WRITE_UP, both_differ(OURS, learning_rate=UNSAID)),
    "mlp_leaky": Source(WRITE_UP, UNSTATED_INITIALIZERS),
}
