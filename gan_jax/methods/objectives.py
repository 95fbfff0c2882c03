"""Methods of the catalogue: losses and penalties of the literature."""

from dataclasses import replace

from gan_jax.config import (
    Config,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.methods.entry import (
    DCGAN_ADAM,
    RPGAN_ADAM,
    WGAN_ADAM,
    Method,
    adam,
    both_optimizers,
)

OBJECTIVES: dict[str, Method] = {
    "ns_gan": Method(
        "Non-saturating GAN. Goodfellow et al. 2014, 1406.2661. Optimizer: DCGAN's "
        "Adam 2e-4, b1 0.5 (paper: SGD with momentum).",
        Config(loss=LossConfig("non_saturating"), **DCGAN_ADAM),
    ),
    "minimax": Method(
        "Saturating minimax GAN. Goodfellow et al. 2014, 1406.2661. Optimizer: DCGAN's "
        "Adam 2e-4, b1 0.5 (paper: SGD with momentum).",
        Config(loss=LossConfig("minimax"), **DCGAN_ADAM),
    ),
    "lsgan": Method(
        "Least squares, targets 0, 1, 1. Mao et al. 2016, 1611.04076. Adam 2e-4, b1 "
        "0.5.",
        Config(loss=LossConfig("lsgan"), **DCGAN_ADAM),
    ),
    "wgan": Method(
        "Wasserstein critic with weights clipped to 0.01, 5 D steps, RMSprop 5e-5, "
        "batch 64. Arjovsky et al. 2017, 1701.07875. Initial weights are not clipped "
        "before the first update.",
        Config(
            loss=LossConfig("wasserstein"),
            d_steps=5,
            g_optimizer=OptimizerConfig("rmsprop", learning_rate=5e-5),
            d_optimizer=OptimizerConfig(
                "rmsprop", learning_rate=5e-5, clip_params=0.01
            ),
        ),
    ),
    "wgan_gp": Method(
        "Wasserstein critic, gradient penalty lambda 10 on interpolates, 5 D steps, "
        "Adam 1e-4 (0, 0.9). Gulrajani et al. 2017, 1704.00028, algorithm 1.",
        Config(
            loss=LossConfig("wasserstein"),
            penalty=PenaltyConfig("wgan_gp", weight=10.0),
            d_steps=5,
            **WGAN_ADAM,
        ),
    ),
    "wgan_lp": Method(
        "One-sided gradient penalty. Petzka et al. 2017, 1709.08894. lambda 10; "
        "optimizer and D steps as wgan_gp.",
        Config(
            loss=LossConfig("wasserstein"),
            penalty=PenaltyConfig("wgan_lp", weight=10.0),
            d_steps=5,
            **WGAN_ADAM,
        ),
    ),
    "dragan": Method(
        "Gradient penalty lambda 10 around the reals. Kodali et al. 2017, 1705.07215, "
        "in its released code's form. Loss non-saturating; Adam 1e-4 (0.5, 0.9).",
        Config(
            loss=LossConfig("non_saturating"),
            penalty=PenaltyConfig("dragan", weight=10.0),
            **both_optimizers(adam(1e-4, 0.5, 0.9)),
        ),
    ),
    "r1": Method(
        "Zero-centred penalty on reals, gamma 10, EMA 0.999. Mescheder et al. 2018, "
        "1801.04406. Adam 2e-4 (0, 0.99) (released code: RMSprop 1e-4, and a penalty "
        "twice as large).",
        Config(
            loss=LossConfig("non_saturating"),
            penalty=PenaltyConfig("r1", weight=10.0),
            **both_optimizers(adam(2e-4, 0.0, 0.99)),
        ),
    ),
    "r1_r2": Method(
        "Zero-centred penalties on reals and fakes, gamma 10. Mescheder et al. 2018, "
        "1801.04406. Adam 2e-4 (0, 0.99) (released code: RMSprop 1e-4).",
        Config(
            loss=LossConfig("non_saturating"),
            penalty=PenaltyConfig("r1_r2", weight=10.0),
            **both_optimizers(adam(2e-4, 0.0, 0.99)),
        ),
    ),
    "ar1_ar2": Method(
        "Relativistic pairing with R1 + R2 by finite differences. Approximated R1, "
        "sigma 0.01 and lambda 100 are of Lin et al. 2025, 2501.08316, whose loss is "
        "non-saturating; pairing and approximated R2 are of its successors, Wang et "
        "al. 2025, 2506.05301, and Lin et al. 2025, 2506.09350. Adam 2e-4 (0, 0.99) "
        "(papers: RMSprop, for video models).",
        Config(
            loss=LossConfig("relativistic"),
            penalty=PenaltyConfig("ar1_ar2", weight=100.0, sigma=0.01),
            **RPGAN_ADAM,
        ),
    ),
    "rpgan": Method(
        "Relativistic pairing. Jolicoeur-Martineau 2018, 1807.00734. Adam 2e-4 (0, "
        "0.99) as in r3gan; G's reals are the last D batch (R3GAN: a fresh one).",
        Config(loss=LossConfig("relativistic"), **RPGAN_ADAM),
    ),
    "rpgan_r1": Method(
        "Relativistic pairing with R1 alone, gamma 1 to 0.1 by cosine: the arm that "
        "Huang et al. 2025, 2501.05441, report as failing. Deviations as r3gan.",
        Config(
            loss=LossConfig("relativistic"),
            penalty=PenaltyConfig("r1", weight=1.0, weight_end=0.1),
            **RPGAN_ADAM,
        ),
    ),
    "r3gan": Method(
        "Relativistic pairing with R1 + R2, gamma 1 to 0.1 by cosine over the run. "
        "Huang et al. 2025, 2501.05441, table 9 (Stacked MNIST). Constant b2 0.99 "
        "(paper: 0.9 to 0.99), batch 64 (512), the resize pair (a residual network), "
        "G's reals the last D batch (a fresh one).",
        Config(
            loss=LossConfig("relativistic"),
            penalty=PenaltyConfig("r1_r2", weight=1.0, weight_end=0.1),
            **RPGAN_ADAM,
        ),
    ),
    "sn_gan": Method(
        "Spectral normalization of D, hinge loss, 5 D steps, Adam 2e-4 (0, 0.9), "
        "rates that go linearly to 0. Miyato et al. 2018, 1802.05957; its networks: "
        "--model.name resnet --model.g-norm batch.",
        Config(
            loss=LossConfig("hinge"),
            model=ModelConfig(d_spectral=True),
            d_steps=5,
            **both_optimizers(replace(adam(2e-4, 0.0, 0.9), schedule="linear")),
        ),
    ),
    "hinge": Method(
        "Hinge loss alone. Lim and Ye 2017, 1705.02894. Adam 2e-4, b1 0.5.",
        Config(loss=LossConfig("hinge"), **DCGAN_ADAM),
    ),
    "ragan": Method(
        "Relativistic average loss with the released code's 1/2. Jolicoeur-Martineau "
        "2018, 1807.00734. Adam 2e-4, b1 0.5.",
        Config(loss=LossConfig("relativistic_average"), **DCGAN_ADAM),
    ),
    "alpha": Method(
        "Saturating alpha-loss, alpha_D 0.3, alpha_G 1, the best of its ring "
        "experiment. Welfert et al. 2023, 2310.18291. Adam 1e-4 (0.9, 0.999).",
        Config(
            loss=LossConfig("alpha", alpha_d=0.3, alpha_g=1.0),
            **both_optimizers(adam(1e-4, 0.9, 0.999)),
        ),
    ),
    "ttur": Method(
        "Two time scales: D 4e-4, G 1e-4, Adam (0, 0.9), the rates of Zhang et al. "
        "2018, 1805.08318; the rule of Heusel et al. 2017, 1706.08500. Loss "
        "non-saturating.",
        Config(
            loss=LossConfig("non_saturating"),
            g_optimizer=adam(1e-4, 0.0, 0.9),
            d_optimizer=adam(4e-4, 0.0, 0.9),
        ),
    ),
}
