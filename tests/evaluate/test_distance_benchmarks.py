"""The parts of `benchmarks.damage` and `benchmarks.neighbours`, in closed form."""

import numpy as np
import pytest

from benchmarks.damage import (
    DAMAGE,
    damage_images,
    keep_classes,
    main,
    order_agreement,
    repeat_some,
    shift,
)
from benchmarks.neighbours import nearest_accuracy, vote


def test_most_frequent_label_wins_and_the_nearest_of_equal_ones():
    assert vote([1, 2, 2]) == 2
    assert vote([3, 1, 1, 3]) == 3


def test_accuracy_is_of_the_nearest_directions():
    """By angle (0.1 to 1.5), not by distance: lengths differ."""
    angles, lengths = np.array([0.0, 0.2, 0.4, 1.5]), np.array([9.0, 1.0, 1.0, 0.1])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1) * lengths[:, None]
    train = rows, np.array([0, 1, 1, 2])
    tested = np.array([0.05, 0.25, 1.4])
    points = np.stack([np.cos(tested), np.sin(tested)], axis=1)
    test = points, np.array([0, 1, 2])
    assert nearest_accuracy(train, test, 1) == 1
    # Of three each: (0, 1, 1), (1, 1, 0) and (2, 1, 1) give 1, 1, 1.
    assert nearest_accuracy(train, test, 3) == pytest.approx(1 / 3)


def test_first_images_of_the_kept_classes_are_taken():
    labels = np.array([0, 3, 1, 9, 0, 5])
    np.testing.assert_array_equal(keep_classes(labels, 1, 3), [1, 2, 3])
    np.testing.assert_array_equal(keep_classes(labels, 5, 2), [3, 5])
    with pytest.raises(ValueError, match="n 3: 2 images are left of the kept classes"):
        keep_classes(labels, 5, 3)


def test_last_share_repeats_the_first_images():
    np.testing.assert_array_equal(repeat_some(8, 0.25), [0, 1, 2, 3, 4, 5, 0, 1])
    np.testing.assert_array_equal(repeat_some(3, 0.01), [0, 1, 2])


def test_shift_moves_one_pixel_to_the_right():
    row = np.array([1, 2, 3, 4]).reshape(1, 1, 4, 1)
    np.testing.assert_array_equal(shift(row).ravel(), [1, 1, 2, 3])
    column = row.reshape(1, 4, 1, 1)
    np.testing.assert_array_equal(shift(column), column)


def test_damaged_images_are_of_eight_bits_within_the_range():
    levels = np.arange(256).reshape(1, 16, 16, 1)
    images = (levels / 127.5 - 1).astype(np.float32)
    np.testing.assert_array_equal(damage_images(images, DAMAGE["none"]), images)
    for amount, expected in (
        (0.4, levels),
        (0.6, (levels + 1).clip(max=255)),
        (-300.0, 0 * levels),
    ):
        found = damage_images(images, lambda pixels, amount=amount: pixels + amount)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected / 127.5 - 1, atol=1e-6)


def test_blur_and_noise_leave_the_mean_level():
    """A grey image stays as it is under blur; noise has the deviation asked for."""
    grey = np.full((4, 64, 64, 1), 128.0)
    for name in ("blur, sigma 0.5", "blur, sigma 1", "shift, 1 pixel"):
        np.testing.assert_allclose(DAMAGE[name](grey), grey)
    for name, deviation in (("noise, sd 5", 5), ("noise, sd 20", 20)):
        noise = DAMAGE[name](grey) - grey
        error = deviation / np.sqrt(noise.size)
        assert abs(noise.mean()) < 4 * error
        assert abs(noise.std() - deviation) < 4 * error / np.sqrt(2)


def test_agreement_is_of_the_ranks_of_the_mean_frechet_distances():
    """Ranks 1, 2, 3 against 1, 3, 2: rho is 1 - 6 (0 + 1 + 1) / (3 (9 - 1)) = 1/2."""

    def distances(*means):
        rows = {"none": [[99.0, 0.0]]}
        for number, mean in enumerate(means):
            rows[f"kind {number}"] = [[mean - 50, 1.0], [mean + 50, -mean]]
        return rows

    one, other = distances(1.0, 2.0, 3.0), distances(10.0, 30.0, 20.0)
    assert order_agreement(one, other) == pytest.approx(0.5)
    assert order_agreement(one, one) == pytest.approx(1)


def test_damage_of_digits_is_printed_for_each_extractor(capsys, monkeypatch):
    from gan_jax.features import EXTRACTORS

    monkeypatch.setitem(EXTRACTORS, "same", EXTRACTORS["pixels"])
    flags = ["--dataset", "digits", "--n", "130", "--draws", "1"]
    assert main([*flags, "--extractors", "pixels", "same"]) == 0
    said = capsys.readouterr().out
    assert said.count("| none |") == said.count("| 1 % repeated |") == 2
    assert "rho of the Frechet distances, pixels and same: 1.00" in said
