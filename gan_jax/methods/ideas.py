"""The idea of each method in one or two plain sentences, for the command's help.

G is the generator, D the discriminator; a score is D's output, higher for "real".
"""

IDEAS: dict[str, str] = {
    "ns_gan": "The plain GAN: D learns to tell real samples from fakes, and G learns "
    "to raise D's scores of its fakes.",
    "minimax": "The game of the first paper: G minimizes what D maximizes. G learns "
    "little while D is sure of itself.",
    "lsgan": "Least squares: D's scores are fitted to 1 on real samples and to 0 on "
    "fakes, so fakes far from the data still have a gradient.",
    "wgan": "D estimates the Wasserstein distance between fakes and data. Its weights "
    "are clipped, so that it cannot change too fast.",
    "wgan_gp": "D estimates the Wasserstein distance. A penalty holds its gradient at "
    "norm 1 between real samples and fakes.",
    "wgan_lp": "As wgan_gp, but only gradients of norm over 1 are punished.",
    "dragan": "A penalty holds D's gradient at norm 1 around the real samples alone.",
    "r1": "A penalty on D's gradient at the real samples: D becomes flat there, and G "
    "can come to rest at the data.",
    "r1_r2": "A penalty on D's gradient at real samples and at fakes, which damps the "
    "game wherever D is asked.",
    "ar1_ar2": "As r1_r2 with a relativistic loss. Gradients are estimated from small "
    "random changes of the samples, which costs less.",
    "rpgan": "D compares a real sample with a fake instead of judging each alone, "
    "which works against dropped modes.",
    "rpgan_r1": "D compares a real sample with a fake, with a penalty on its gradient "
    "at the real samples.",
    "r3gan": "D compares a real sample with a fake, with a penalty on its gradient at "
    "both: a modern baseline that needs no further tricks.",
    "sn_gan": "Each layer of D is divided by its largest singular value, so that D "
    "cannot change too fast.",
    "hinge": "D learns only from samples that it does not yet judge clearly; G raises "
    "D's scores of its fakes.",
    "ragan": "D judges whether a sample is more real than the average sample of the "
    "other kind.",
    "alpha": "Cross-entropy bent by a number alpha for each player; 1 is the plain "
    "loss.",
    "ttur": "D learns with a larger learning rate than G, so that one update of each "
    "is enough.",
    "extra_adam": "Both players look one step ahead and move by the gradients found "
    "there, which keeps them from circling.",
    "optimistic_adam": "Both players take twice their update less the last one, which "
    "damps circling at no extra cost.",
    "consensus": "Both players also lower the norm of the game's gradient, which "
    "draws them to points where both can rest.",
    "sga": "A correction of both gradients works against the part of the game that "
    "turns in circles.",
    "competitive": "Each player steps with the other's answer to the step taken into "
    "account.",
    "unrolled": "G learns against the D that would be there some steps later, which "
    "works against dropped modes.",
    "lookahead": "After every few steps both players go part of the way back, which "
    "averages their circling out.",
    "negative_momentum": "Momentum of negative sign works against circling when the "
    "players move in turn.",
    "label_smoothing": "D aims at 0.9 instead of 1 on real samples, so that it does "
    "not become too sure.",
    "instance_noise": "Noise on all that D sees makes real samples and fakes overlap; "
    "it fades out over the run.",
    "diff_augment": "All that D sees is changed at random, real and fake alike, so "
    "that D cannot learn few images by heart.",
    "ada": "All that D sees is changed at random, the more often the more D seems to "
    "learn the images by heart.",
    "lecam": "D's scores are held near running averages of themselves, which helps "
    "with few images.",
    "cr": "D has to judge a real image and a changed copy of it alike.",
    "bcr": "D has to judge an image and a changed copy of it alike, real or fake.",
    "zcr": "A small change of the latent must not change D's score, and must change "
    "G's sample.",
    "path_length": "Equal steps of the latent are to change G's image equally, "
    "wherever they are taken.",
    "orthogonal": "A penalty draws G's kernels towards orthogonal ones, which keeps "
    "the scale of its features.",
    "top_k": "G learns only from those of its fakes that D finds most real; their "
    "share shrinks over the run.",
    "pacgan2": "D judges two samples at once, so that it sees when they are too much "
    "alike.",
    "minibatch_stddev": "D sees how much the samples of a batch differ, so that it "
    "notices dropped modes.",
    "minibatch_discrimination": "D sees how near each sample is to the others of its "
    "batch, so that it notices dropped modes.",
    "dense_conv": "A small early design: G is dense, D convolutional.",
    "conv_7x7": "A small early design: G unfolds a 7 x 7 base into an image.",
    "dcgan64_gp": "The DCGAN networks for 64 pixels, with the penalty of wgan_gp.",
    "mlp_sgd": "A small early design: dense networks and plain gradient descent.",
    "mlp_leaky": "A small early design: dense networks with LeakyReLU, and Adam.",
}
