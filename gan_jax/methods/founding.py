"""Methods of the catalogue: the configurations that the project grew from."""

from gan_jax.config import (
    Config,
    DatasetConfig,
    EmaConfig,
    GeneratorPenaltyConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.methods.entry import DCGAN_ADAM, Method, both_optimizers

FOUNDING: dict[str, Method] = {
    "dense_conv": Method(
        "Founding configuration: dense G with sigmoid, convolutional D, minimax. "
        "Xavier initialization is ours.",
        Config(
            model=ModelConfig(
                "dense_conv",
                z_dim=100,
                output="sigmoid",
                g_init="xavier",
                d_init="xavier",
            ),
            loss=LossConfig("minimax"),
            ema=EmaConfig(decay=0.0),
            **DCGAN_ADAM,
        ),
    ),
    "conv_7x7": Method(
        "Founding configuration: dense and transposed G on a 7x7 base, minimax with "
        "D's fake term weighted 0.9. Digits are resized to 28; initial normal 0.02 "
        "is ours.",
        Config(
            dataset=DatasetConfig(resolution=28),
            model=ModelConfig("conv_7x7", z_dim=128, g_init="normal", d_init="normal"),
            loss=LossConfig("minimax", fake_weight=0.9),
            ema=EmaConfig(decay=0.0),
            **DCGAN_ADAM,
        ),
    ),
    "dcgan64_gp": Method(
        "Founding configuration: DCGAN at 64 pixels with a gradient penalty (WGAN-GP, "
        "lambda 10) and, by choice, the generator's Jacobian-difference penalty. "
        "Digits are resized to 64; loss wasserstein and 1 D step are ours.",
        Config(
            dataset=DatasetConfig(resolution=64),
            model=ModelConfig(
                "dcgan64", z_dim=100, g_norm="batch", g_init="normal", d_init="normal"
            ),
            loss=LossConfig("wasserstein"),
            penalty=PenaltyConfig("wgan_gp", weight=10.0),
            generator_penalty=GeneratorPenaltyConfig("none"),
            ema=EmaConfig(decay=0.0),
            **DCGAN_ADAM,
        ),
    ),
    "mlp_sgd": Method(
        "Founding configuration: dense networks, minimax, plain SGD, G first. SGD 0.01 "
        "is ours; its non-saturating form: --loss.name non_saturating.",
        Config(
            model=ModelConfig(
                "mlp",
                z_dim=100,
                output="sigmoid",
                activation="relu",
                g_init="xavier",
                d_init="xavier",
            ),
            loss=LossConfig("minimax"),
            g_first=True,
            ema=EmaConfig(decay=0.0),
            **both_optimizers(OptimizerConfig("sgd", learning_rate=0.01)),
        ),
    ),
    "mlp_leaky": Method(
        "Founding configuration: mlp_sgd's networks with LeakyReLU 0.01, hybrid loss, "
        "Adam 2e-4, b1 0.5. PReLU: --model.activation prelu.",
        Config(
            model=ModelConfig(
                "mlp",
                z_dim=100,
                output="sigmoid",
                activation="leaky_relu",
                slope=0.01,
                g_init="xavier",
                d_init="xavier",
            ),
            loss=LossConfig("hybrid"),
            ema=EmaConfig(decay=0.0),
            **DCGAN_ADAM,
        ),
    ),
}
