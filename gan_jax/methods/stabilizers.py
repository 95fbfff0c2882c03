"""Methods of the catalogue: stabilizers of the data, of D, G and the objectives."""

from gan_jax.config import (
    AugmentConfig,
    Config,
    GeneratorPenaltyConfig,
    LossConfig,
    ModelConfig,
    PenaltyConfig,
)
from gan_jax.methods.entry import DCGAN_ADAM, Method, adam, both_optimizers

R1_ADAM = both_optimizers(adam(2e-4, 0.0, 0.99))
SN_ADAM = both_optimizers(adam(2e-4, 0.0, 0.9))
NON_SATURATING = LossConfig("non_saturating")
R1 = PenaltyConfig("r1", weight=10.0)

STABILIZERS: dict[str, Method] = {
    "label_smoothing": Method(
        "D's target on reals is 0.9. Salimans et al. 2016, 1606.03498. Adam 2e-4, b1 "
        "0.5.",
        Config(loss=LossConfig("non_saturating", real_target=0.9), **DCGAN_ADAM),
    ),
    "instance_noise": Method(
        "Gaussian noise on everything D sees, deviation 0.1 to 0 linearly over the "
        "run. Sonderby et al. 2016, 1610.04490. Adam 2e-4, b1 0.5.",
        Config(
            loss=NON_SATURATING,
            augment=AugmentConfig("instance_noise", strength=0.1, strength_end=0.0),
            **DCGAN_ADAM,
        ),
    ),
    "diff_augment": Method(
        "Colour, translation and cutout on everything D sees. Zhao et al. 2020, "
        "2006.10738. Loss non-saturating, Adam 2e-4, b1 0.5.",
        Config(
            loss=NON_SATURATING, augment=AugmentConfig("diff_augment"), **DCGAN_ADAM
        ),
    ),
    "ada": Method(
        "Adaptive augmentation: the probability of blits, geometry and colour follows "
        "D's sign on reals, target 0.6, 500 kimg. Karras et al. 2020, 2006.06676. R1 "
        "gamma 10, through the augmentation as in its code; Adam 2e-4 (0, 0.99) "
        "(paper: StyleGAN2, 2.5e-3).",
        Config(
            loss=NON_SATURATING,
            penalty=R1,
            augment=AugmentConfig("bgc", strength=1.0, schedule="adaptive"),
            **R1_ADAM,
        ),
    ),
    "lecam": Method(
        "LeCam regularization, weight 0.3, decay 0.99, hinge loss. Tseng et al. 2021, "
        "2104.03310. Spectral normalization of D, Adam 2e-4 (0, 0.9), 1 D step.",
        Config(
            loss=LossConfig("hinge"),
            model=ModelConfig(d_spectral=True),
            penalty=PenaltyConfig("lecam", weight=0.3),
            **SN_ADAM,
        ),
    ),
    "cr": Method(
        "Consistency regularization, weight 10, under flips and shifts. Zhang et al. "
        "2019, 1910.12027. Hinge loss, spectral normalization of D, Adam 2e-4 (0, "
        "0.9), 1 D step.",
        Config(
            loss=LossConfig("hinge"),
            model=ModelConfig(d_spectral=True),
            penalty=PenaltyConfig("cr", weight=10.0),
            **SN_ADAM,
        ),
    ),
    "bcr": Method(
        "Balanced consistency, weight 10 on reals and on fakes. Zhao et al. 2020, "
        "2002.04724. The rest as cr.",
        Config(
            loss=LossConfig("hinge"),
            model=ModelConfig(d_spectral=True),
            penalty=PenaltyConfig("bcr", weight=10.0),
            **SN_ADAM,
        ),
    ),
    "zcr": Method(
        "Latent consistency, sigma 0.05, weight 20 in D and 0.5 in G (StudioGAN's). "
        "Zhao et al. 2020, 2002.04724. The rest as cr.",
        Config(
            loss=LossConfig("hinge"),
            model=ModelConfig(d_spectral=True),
            penalty=PenaltyConfig("zcr", weight=20.0, sigma=0.05),
            generator_penalty=GeneratorPenaltyConfig("zcr", weight=0.5, sigma=0.05),
            **SN_ADAM,
        ),
    ),
    "path_length": Method(
        "Path-length regularization of G, weight 2 every 4 steps, beside R1 gamma 10. "
        "Karras et al. 2019, 1912.04958. Of z, there being no mapping network, and of "
        "whole batches (paper: half).",
        Config(
            loss=NON_SATURATING,
            penalty=R1,
            generator_penalty=GeneratorPenaltyConfig(
                "path_length", weight=2.0, every=4
            ),
            **R1_ADAM,
        ),
    ),
    "orthogonal": Method(
        "Orthogonal regularization of G, 1e-4. Brock et al. 2018, 1809.11096. Hinge "
        "loss, spectral normalization of both, Adam G 5e-5, D 2e-4 (0, 0.999), 1 D "
        "step (paper: 2).",
        Config(
            loss=LossConfig("hinge"),
            model=ModelConfig(d_spectral=True, g_spectral=True),
            generator_penalty=GeneratorPenaltyConfig("orthogonal", weight=1e-4),
            g_optimizer=adam(5e-5, 0.0, 0.999),
            d_optimizer=adam(2e-4, 0.0, 0.999),
        ),
    ),
    "top_k": Method(
        "G learns from the fakes that D scores highest, all at first, half at the "
        "end. Sinha et al. 2020, 2002.06224. The share falls linearly (paper: 1 % an "
        "epoch). Adam 2e-4, b1 0.5.",
        Config(loss=LossConfig("non_saturating", top_k=0.5), **DCGAN_ADAM),
    ),
    "pacgan2": Method(
        "D judges packs of 2. Lin et al. 2017, 1712.04086. Batch 128, so that D sees "
        "as many packs as the others see examples; Adam 2e-4, b1 0.5. The paper's "
        "networks for points: --model.name pacgan --model.z-dim 2 --model.g-norm "
        "batch.",
        Config(
            batch_size=128,
            model=ModelConfig(pack=2),
            loss=NON_SATURATING,
            **DCGAN_ADAM,
        ),
    ),
    "minibatch_stddev": Method(
        "D sees the deviation within groups of 4. Karras et al. 2017, 1710.10196. "
        "Loss non-saturating, Adam 2e-4, b1 0.5 (paper: WGAN-GP).",
        Config(
            loss=NON_SATURATING,
            model=ModelConfig(d_minibatch="stddev"),
            **DCGAN_ADAM,
        ),
    ),
    "minibatch_discrimination": Method(
        "D sees how near each example is to the others of its batch. Salimans et al. "
        "2016, 1606.03498. Loss non-saturating, Adam 2e-4, b1 0.5.",
        Config(
            loss=NON_SATURATING,
            model=ModelConfig(d_minibatch="discrimination"),
            **DCGAN_ADAM,
        ),
    ),
}
