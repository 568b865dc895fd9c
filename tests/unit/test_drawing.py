"""Drawings and photographs in the manner of a data set: real digits tell whether they look alike."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from distill_core.errors import DataError
from distill_core.ingestion.drawing import MOST_POINTS, MOST_STROKES, drawn_image, fitted_picture, strokes_of
from distill_core.ingestion.manner import Manner, ink_box, manner_of, thickness_of
from tests.trying_samples import STROKES, digits

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def of_digits() -> Manner:
    found = manner_of(digits()[0])
    assert found is not None
    return found


def nearest(image: np.ndarray) -> int:
    """The class of the most similar real digit."""
    images, labels = digits()
    return int(labels[np.abs(images / 255 - image).sum(axis=(1, 2, 3)).argmin()])


def test_the_manner_of_digits_is_white_on_black_from_top_to_bottom(of_digits: Manner) -> None:
    assert of_digits.ground.tolist() == [0] and of_digits.ink[0] > 0.9
    assert of_digits.height == 1.0 and 0.6 < of_digits.widest < 0.9
    assert 1.2 < of_digits.thickness < 2.2


def test_drawn_digits_look_like_the_real_ones(of_digits: Manner) -> None:
    drawn = {digit: drawn_image(strokes_of(strokes), shape=SHAPE, manner=of_digits) for digit, strokes in
             STROKES.items()}
    assert all(image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1 for image in drawn.values())
    right = [digit for digit, image in drawn.items() if nearest(image) == digit]
    assert len(right) >= 9, f"only {right}"
    for image in drawn.values():
        assert thickness_of(image[0]) == pytest.approx(of_digits.thickness, abs=0.15)


def test_size_and_place_of_a_drawing_do_not_matter(of_digits: Manner) -> None:
    large = strokes_of(STROKES[3])
    small = [[(0.7 + 0.2 * x, 0.05 + 0.2 * y) for x, y in stroke] for stroke in large]
    first, second = (drawn_image(strokes, shape=SHAPE, manner=of_digits) for strokes in (large, small))
    np.testing.assert_allclose(first, second, atol=0.05)


def test_a_line_without_height_is_drawn_too(of_digits: Manner) -> None:
    image = drawn_image([[(0.2, 0.5), (0.8, 0.5)]], shape=SHAPE, manner=of_digits)[0]
    assert image[3:5].sum() > 0.8 * image.sum() > 0


@pytest.mark.parametrize("strokes", [[], [[0.5, 0.5]], [[0.5, 0.5, 0.505, 0.5]]])
def test_a_blank_drawing_is_a_sentence(of_digits: Manner, strokes: list[list[float]]) -> None:
    with pytest.raises(DataError, match=r"blank; allowed: at least one line\. Draw"):
        drawn_image(strokes_of(strokes), shape=SHAPE, manner=of_digits)


@pytest.mark.parametrize("data", [
    None, "x", [1.0], [[0.1]], [["a", "b"]], [[float("nan"), 0.5]], [[0.5, 0.5]] * (MOST_STROKES + 1),
    [[0.5] * (2 * MOST_POINTS + 2)],
])
def test_what_is_no_drawing_is_a_sentence(data: object) -> None:
    with pytest.raises(DataError, match="Clear the field and draw again"):
        strokes_of(data)


def test_points_outside_the_field_lie_on_its_edge() -> None:
    assert strokes_of([[-3, 0.5, 7, 0.5]]) == [[(0.0, 0.5), (1.0, 0.5)]]


def test_ink_has_the_colours_of_the_data() -> None:
    scans = np.full((40, 3, 12, 12), 230, dtype=np.uint8)
    scans[:, :, 3:9, 5:7] = np.array([20, 30, 120], dtype=np.uint8)[:, None, None]
    manner = manner_of(scans)
    assert manner is not None
    image = drawn_image([[(0.5, 0.1), (0.5, 0.9)]], shape=(3, 12, 12), manner=manner)
    assert image[:, 0, 0] == pytest.approx(230 / 255, abs=0.01), "the ground is light"
    inked = image[:, 6, 5]
    assert inked == pytest.approx(np.array([20, 30, 120]) / 255, abs=0.05)
    box = ink_box(np.abs(image - image[:, :1, :1]).max(axis=0))
    assert box is not None and box[:2] == (3, 9), "as high as in the data, and in the same place"


def test_photographs_have_no_manner_and_a_drawing_stays_as_it_was_drawn() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 3, 16, 16), dtype=np.uint8)
    assert manner_of(noise) is None
    image = drawn_image([[(0.1, 0.1), (0.1, 0.4)]], shape=(3, 16, 16), manner=None)
    assert image[:, 12, 12].tolist() == [1, 1, 1] and image[0, 4, 1] < 0.5


def test_plain_images_all_alike_have_no_manner() -> None:
    assert manner_of(np.zeros((5, 1, 8, 8), dtype=np.uint8)) is None


@pytest.mark.parametrize(("paper", "ink"), [(245, 30), (10, 220)])
def test_a_photographed_digit_is_cut_out_whatever_the_paper(of_digits: Manner, paper: int, ink: int) -> None:
    noise = np.random.default_rng(1)
    right = 0
    for digit, strokes in STROKES.items():
        photo = Image.new("L", (400, 300), paper)
        pen = ImageDraw.Draw(photo)
        for stroke in strokes_of(strokes):
            pen.line([(120 + 150 * x, 60 + 180 * y) for x, y in stroke], fill=ink, width=26, joint="curve")
        pixels = np.clip(np.asarray(photo) + noise.normal(0, 4, (300, 400)), 0, 255).astype(np.uint8)
        image = fitted_picture(pixels[None], shape=SHAPE, manner=of_digits)
        assert image is not None
        right += nearest(image) == digit
    assert right >= 8


def test_a_busy_picture_is_not_cut_out_and_an_empty_one_is_a_sentence(of_digits: Manner) -> None:
    busy = np.random.default_rng(0).integers(0, 256, (1, 60, 60), dtype=np.uint8)
    assert fitted_picture(busy, shape=SHAPE, manner=of_digits) is None
    with pytest.raises(DataError, match="one plain area"):
        fitted_picture(np.full((1, 60, 60), 200, dtype=np.uint8), shape=SHAPE, manner=of_digits)
