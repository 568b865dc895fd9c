"""Pictures of every kind, and files that only pretend to be one."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from distill_core.ingestion.picture import BadPicture, PictureReader

RED, GREEN = (250, 10, 10), (10, 250, 10)


def file_of(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def read(content: bytes, *, size: int = 8, channels: str = "rgb") -> np.ndarray:
    return PictureReader(size=size, channels=channels).read(content).pixels


def halves(width: int = 32, height: int = 32) -> Image.Image:
    """Red above green."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (0, height // 2, width, height))
    return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM"])
def test_every_format_gives_the_same_picture(kind: str) -> None:
    pixels = read(file_of(halves(), kind))
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[:, 0, 0].astype(int) - RED).max() < 25
    assert np.abs(pixels[:, -1, 0].astype(int) - GREEN).max() < 25


def test_grey_keeps_the_brightness() -> None:
    pixels = read(file_of(Image.new("RGB", (20, 20), (255, 0, 0))), channels="grey")
    assert pixels.shape == (1, 8, 8)
    assert abs(int(pixels[0, 0, 0]) - 76) <= 1, "0.299 of red"


@pytest.mark.parametrize(
    ("orientation", "bright_corner"),
    [(1, (0, 0)), (2, (0, 7)), (3, (7, 7)), (4, (7, 0)), (5, (0, 0)), (6, (0, 7)), (7, (7, 7)), (8, (7, 0))],
)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_a_picture_is_turned_as_the_camera_held_it(kind: str, orientation: int, bright_corner: tuple[int, int]) -> None:
    image = Image.new("L", (64, 64), 0)
    image.paste(255, (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read(file_of(image.convert("RGB"), kind, exif=exif), channels="grey")[0]
    corners = {corner: int(pixels[corner]) for corner in ((0, 0), (0, 7), (7, 0), (7, 7))}
    assert max(corners, key=corners.__getitem__) == bright_corner


def test_a_camera_turn_of_a_mirrored_kind_is_told_apart_from_a_plain_one() -> None:
    image = Image.new("L", (64, 64), 0)
    image.paste(255, (0, 0, 64, 16))
    exif = Image.Exif()
    exif[0x0112] = 5
    pixels = read(file_of(image.convert("RGB"), "PNG", exif=exif), channels="grey")[0]
    assert pixels[:, 0].min() > 200, "a bright first row becomes a bright first column"
    assert pixels[:, -1].max() < 50


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_block_spoils_no_picture() -> None:
    content = file_of(halves(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    assert read(content)[0, 0, 0] > 200


def test_print_colours_are_read() -> None:
    white = file_of(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG")
    assert read(white).min() > 240
    black = file_of(Image.new("CMYK", (16, 16), (0, 0, 0, 255)), "TIFF")
    assert read(black).max() < 15


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("PPM", "I;16")])
def test_sixteen_bits_are_scaled_not_cut_off(kind: str, mode: str) -> None:
    values = np.array([[0, 255, 256, 32_768], [40_000, 65_535, 65_280, 128]], dtype=np.uint16).repeat(4, 0).repeat(2, 1)
    content = file_of(Image.fromarray(values).convert(mode), kind)
    assert read(content, channels="grey")[0, 0, ::2].tolist() == [0, 0, 1, 128]
    assert read(content, channels="grey")[0, 7, ::2].tolist() == [156, 255, 255, 0]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str) -> None:
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 8, 16, 16))
    pixels = read(file_of(clear.convert(mode)))
    assert pixels[:, 0].min() == 255
    assert pixels[:, -1].max() == 0


def test_a_palette_and_one_bit_are_read() -> None:
    assert read(file_of(halves().convert("P")))[0, 0, 0] > 200
    assert read(file_of(Image.new("1", (16, 16), 1))).min() == 255


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_used_and_it_is_told(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN)]
    content = file_of(frames[0], kind, save_all=True, append_images=frames[1:])
    picture = PictureReader(size=8, channels="rgb").read(content)
    assert picture.first_of_many
    assert picture.pixels[0, 0, 0] > 200
    assert not PictureReader(size=8, channels="rgb").read(file_of(frames[0], kind)).first_of_many


def png_of_claimed_size(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))

    header = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(("width", "height"), [(10_000, 6_000), (65_000, 65_000)])
def test_a_pixel_bomb_is_refused_before_it_is_decoded(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(BadPicture, match="pixels"):
        read(png_of_claimed_size(width, height))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no picture at all", "not a picture of a known format"),
        (file_of(halves(200, 200), "JPEG")[:-500], "the file is cut off"),
        (file_of(halves(200, 200), "PNG")[:-60], "the file is cut off"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n", "not a picture of a known format"),
        (file_of(Image.new("F", (8, 8), 0.5), "TIFF"), "floating-point"),
        (file_of(Image.fromarray(np.full((8, 8), 100_000, dtype=np.int32)), "TIFF"), "more than 16 bits"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        read(content)


# As in a reading, where Pillow's warnings of damaged side information are turned off.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF"])
def test_whatever_bytes_are_damaged_a_picture_or_a_reason_comes(kind: str) -> None:
    draw = random.Random(0)
    whole = file_of(halves(), kind)
    reader = PictureReader(size=8, channels="rgb")
    read_well = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 5)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        try:
            assert reader.read(bytes(damaged)).pixels.shape == (3, 8, 8)
            read_well += 1
        except BadPicture as error:
            assert str(error)
    assert read_well < 150, "some damage must show"


def test_a_large_picture_that_finds_no_memory_is_tried_once_more_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    load = PictureReader._pixels

    def short_of_memory(reader: PictureReader, image: Image.Image) -> np.ndarray:
        tries.append(image.width)
        if len(tries) != 2:
            raise MemoryError
        return load(reader, image)

    monkeypatch.setattr(PictureReader, "_pixels", short_of_memory)
    content = file_of(Image.new("L", (2_500, 2_000), 7))
    reader = PictureReader(size=8, channels="grey")
    assert reader.read(content).pixels.max() == 7
    with pytest.raises(BadPicture, match="more memory"):
        reader.read(content)
    assert len(tries) == 4
