"""Pictures, texts and rows of the user's own: what is made of them, and one sentence for what cannot be used."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from distill_core.errors import DataError
from distill_core.ingestion.looks import LEAST_SHOWN_PX, sample_png, text_of
from distill_core.ingestion.manner import manner_of
from distill_core.ingestion.own_input import LONGEST_TEXT, picture_input, table_input, text_input
from distill_core.ingestion.picture import PictureReader
from distill_core.ingestion.words import RESERVED, WORD_PATTERN
from tests.trying_samples import digits

WORDS = (*RESERVED, "a", "good", "film", "café")


def file_of(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def colourful(width: int, height: int) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    return Image.fromarray(ramp)


def test_a_picture_is_scaled_as_those_of_a_data_set() -> None:
    content = file_of(colourful(90, 60))
    found = picture_input(content, shape=(3, 32, 32), manner=None)
    pixels = PictureReader(size=32, channels="rgb").read(content).pixels
    np.testing.assert_array_equal(found.inputs, pixels.astype(np.float32) / np.float32(255))
    assert found.notes == ()


@pytest.mark.parametrize(("channels", "size"), [(1, (20, 40)), (3, (40, 20))])
def test_images_that_are_no_squares(channels: int, size: tuple[int, int]) -> None:
    found = picture_input(file_of(colourful(80, 80)), shape=(channels, *size), manner=None)
    assert found.inputs.shape == (channels, *size) and found.inputs.dtype == np.float32
    assert found.inputs[0, 0, 0] < 0.1 and found.inputs[0, -1, -1] > 0.9, "top stays top"


def test_a_picture_in_proportion_keeps_its_sides() -> None:
    pixels = PictureReader(size=64, channels="grey", in_proportion=True).read(file_of(colourful(300, 100))).pixels
    assert pixels.shape == (1, 21, 64)


def test_what_is_changed_is_told() -> None:
    manner = manner_of(digits()[0])
    paper = Image.new("L", (200, 200), 250)
    paper.paste(20, (90, 30, 110, 170))
    fitted = picture_input(file_of(paper), shape=(1, 8, 8), manner=manner)
    assert fitted.inputs[0, 4, 3:5].max() > 0.8 and fitted.inputs[0, 0, 0] == 0, "light on dark now"
    assert "Cut out" in fitted.notes[-1]
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    assert "not plain" in picture_input(file_of(noise), shape=(1, 8, 8), manner=manner).notes[0]


def test_a_picture_of_64_million_pixels_is_a_sentence() -> None:
    content = file_of(Image.new("1", (8000, 8000)))
    with pytest.raises(DataError, match=r"8,000 x 8,000 pixels are too many.*; allowed: .*Choose another picture\."):
        picture_input(content, shape=(1, 8, 8), manner=None)


@pytest.mark.parametrize("content", [b"", b"no picture", file_of(colourful(60, 60), "JPEG")[:700]])
def test_a_damaged_picture_is_a_sentence(content: bytes) -> None:
    with pytest.raises(DataError, match=r"The picture cannot be used: .*; allowed: PNG"):
        picture_input(content, shape=(1, 8, 8), manner=None)


def test_images_of_other_channels_take_no_pictures() -> None:
    with pytest.raises(DataError, match=r"4 channels; allowed"):
        picture_input(file_of(colourful(9, 9)), shape=(4, 8, 8), manner=None)


def test_a_text_becomes_its_words_and_says_which_are_unknown() -> None:
    found = text_input("A GOOD cafe\u0301, a bad movie", words=WORDS, pattern=WORD_PATTERN, length=6)
    assert found.inputs.tolist() == [3, 4, 6, 1, 3, 1] and found.inputs.dtype == np.int64
    assert found.notes == (
        "Only the first 6 of 7 words are read.", "Not in the vocabulary, so read as unknown: “,”, “bad”.",
    )
    assert text_of(text_input("good film", words=WORDS, pattern=WORD_PATTERN, length=4).inputs, WORDS) == "good film"


@pytest.mark.parametrize(("text", "told"), [("  \n ", "empty"), ("a" * (LONGEST_TEXT + 1), "20,001 characters")])
def test_a_text_that_cannot_be_read_is_a_sentence(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        text_input(text, words=WORDS, pattern=WORD_PATTERN, length=6)


def test_a_row_of_numbers() -> None:
    np.testing.assert_array_equal(table_input([1, 2.5], features=2).inputs, np.array([1, 2.5], dtype=np.float32))
    for values in ([1.0, None], [1.0, float("inf")], [1.0, 1e300]):
        with pytest.raises(DataError, match="Value 2 of the row"):
            table_input(values, features=2)
    with pytest.raises(DataError, match="3 finite numbers"):
        table_input([1.0], features=3)


def test_tiny_samples_are_shown_large_and_crisp() -> None:
    image = np.zeros((1, 8, 8), dtype=np.float32)
    image[0, 0, 0] = 1
    png = sample_png(image, "image")
    assert png is not None
    shown = np.asarray(Image.open(io.BytesIO(png)))
    factor = shown.shape[0] // 8
    assert shown.shape[0] >= LEAST_SHOWN_PX and set(np.unique(shown)) == {0, 255}
    assert (shown[:factor, :factor] == 255).all() and shown[factor:].max() == 0
    large = sample_png(np.zeros((3, 300, 200), dtype=np.uint8), "image")
    assert large is not None and Image.open(io.BytesIO(large)).size == (200, 300)


def test_sequences_are_shown_as_patterns_and_rows_are_not() -> None:
    png = sample_png(np.array([[-5.0, 5.0]] * 4), "sequence")
    assert png is not None
    shown = np.asarray(Image.open(io.BytesIO(png)))
    assert shown[0, 0] == 0 and shown[0, -1] == 255
    assert sample_png(np.zeros(4), "table") is None
