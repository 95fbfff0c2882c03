"""Methods of the catalogue: rules of play, by which the two players move."""

from gan_jax.config import (
    Config,
    DynamicsConfig,
    EmaConfig,
    LossConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.methods.entry import DCGAN_ADAM, Method, adam, both_optimizers

TENSORFLOW_RMSPROP = OptimizerConfig("rmsprop", learning_rate=1e-4, b2=0.9, eps=1e-10)
"""The decay and eps of `tf.train.RMSPropOptimizer(1e-4)`.

There v starts at 1, and eps is inside the root: early updates are smaller than here."""

RULES_OF_PLAY: dict[str, Method] = {
    "extra_adam": Method(
        "Extragradient with Adam, moments advanced at both half-steps, on WGAN-GP. "
        "Gidel et al. 2018, 1802.10551: G 5e-5, D 5e-4, (0.5, 0.9), lambda 10, EMA "
        "0.9999. Both half-steps see one batch (released code: two).",
        Config(
            loss=LossConfig("wasserstein"),
            penalty=PenaltyConfig("wgan_gp", weight=10.0),
            dynamics=DynamicsConfig("extragradient"),
            g_optimizer=adam(5e-5, 0.5, 0.9),
            d_optimizer=adam(5e-4, 0.5, 0.9),
            ema=EmaConfig(decay=0.9999),
        ),
    ),
    "optimistic_adam": Method(
        "Both players by twice Adam's update less the last one, on WGAN-GP lambda 10. "
        "Daskalakis et al. 2017, 1711.00141. Adam 1e-4 (0.5, 0.9), 1 D step.",
        Config(
            loss=LossConfig("wasserstein"),
            penalty=PenaltyConfig("wgan_gp", weight=10.0),
            dynamics=DynamicsConfig("optimistic"),
            **both_optimizers(adam(1e-4, 0.5, 0.9)),
        ),
    ),
    "consensus": Method(
        "Consensus optimization, gamma 10, RMSprop 1e-4 (decay 0.9, eps 1e-10, "
        "TensorFlow's own). Mescheder et al. 2017, 1705.10461. Loss non-saturating.",
        Config(
            loss=LossConfig("non_saturating"),
            dynamics=DynamicsConfig("consensus", gamma=10.0),
            **both_optimizers(TENSORFLOW_RMSPROP),
        ),
    ),
    "sga": Method(
        "Symplectic gradient adjustment with its alignment rule, RMSprop 1e-4 (decay "
        "0.9, eps 1e-10, TensorFlow's own). Balduzzi et al. 2018, 1802.05642. Loss "
        "non-saturating.",
        Config(
            loss=LossConfig("non_saturating"),
            dynamics=DynamicsConfig("sga"),
            **both_optimizers(TENSORFLOW_RMSPROP),
        ),
    ),
    "competitive": Method(
        "Competitive gradient descent on the minimax game, SGD. Schaefer and "
        "Anandkumar 2019, 1905.12103. The rate 0.01 and at most 10 GMRES iterations "
        "are ours (paper, on images: an Adam-like preconditioner).",
        Config(
            loss=LossConfig("minimax"),
            dynamics=DynamicsConfig("competitive"),
            **both_optimizers(OptimizerConfig("sgd", learning_rate=0.01)),
        ),
    ),
    "unrolled": Method(
        "G differentiates through 5 steps of D and its Adam, on the minimax game. "
        "Metz et al. 2016, 1611.02163, with the rates of its ring demo: G 1e-3, D "
        "1e-4, b1 0.5.",
        Config(
            loss=LossConfig("minimax"),
            dynamics=DynamicsConfig("unrolled", k=5),
            g_optimizer=adam(1e-3, 0.5, 0.999),
            d_optimizer=adam(1e-4, 0.5, 0.999),
        ),
    ),
    "lookahead": Method(
        "Lookahead-minimax, k 5, alpha 0.5, on alternating steps. Chavdarova et al. "
        "2020, 2006.14567. Loss non-saturating, Adam 2e-4, b1 0.5.",
        Config(
            loss=LossConfig("non_saturating"),
            dynamics=DynamicsConfig("lookahead", k=5, alpha=0.5),
            **DCGAN_ADAM,
        ),
    ),
    "negative_momentum": Method(
        "Alternating SGD with momentum -0.5. Gidel et al. 2018, 1807.04740. The rate "
        "0.01 is ours; loss non-saturating.",
        Config(
            loss=LossConfig("non_saturating"),
            **both_optimizers(
                OptimizerConfig("momentum", learning_rate=0.01, momentum=-0.5)
            ),
        ),
    ),
}
