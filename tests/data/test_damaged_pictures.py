"""Damaged, oddly tagged, very large and partly transparent pictures: each is read
right, or it is refused, or skipped, by one clear line."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gan_jax.config import DatasetConfig
from gan_jax.data import PREFIXES, folder
from gan_jax.data.images import ignore_pillow_warnings, read_picture
from gan_jax.data.listing import describe_ignored

ORIENTATION, X_RESOLUTION = 0x0112, 0x011A
SHORT, TEXT, RATIONAL = 3, 2, 5
KINDS = {
    "png": [("L", {}), ("1", {}), ("P", {}), ("RGB", {}), ("RGBA", {}), ("I;16", {})],
    "jpg": [("L", {}), ("RGB", {}), ("CMYK", {}), ("RGB", {"progressive": True})],
    "webp": [("RGB", {"lossless": True}), ("RGBA", {})],
    "gif": [("P", {}), ("P", {"save_all": True})],
    "bmp": [("1", {}), ("P", {}), ("RGB", {}), ("RGBA", {})],
    "tif": [("RGB", {}), ("I;16", {})]
    + [("RGB", {"compression": c}) for c in ("tiff_lzw", "jpeg", "tiff_deflate")],
    "avif": [("RGB", {}), ("RGBA", {"quality": 100})],
}
"""Modes and options of whole pictures by suffix."""
TURNS = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: np.swapaxes(image, 0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.swapaxes(np.rot90(image, 2), 0, 1),
    8: np.rot90,
}
"""What EXIF 2.32, table 6, asks of each orientation."""
DPI, WORDS = (RATIONAL, struct.pack(">II", 72, 1)), (TEXT, b"seventy-two")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))


def folder_set(path, **options):
    return PREFIXES["folder"](str(path), DatasetConfig(f"folder:{path}", **options))


def saved(picture, suffix, **options):
    file = io.BytesIO()
    picture.save(file, Image.registered_extensions()[f".{suffix}"], **options)
    return file.getvalue()


def colours(rng, shape=(8, 8, 3)):
    return rng.integers(0, 256, shape, np.uint8)


def samples(rng):
    """(suffix, bytes) of whole pictures of 8 x 8 pixels, in all formats."""
    coloured = Image.fromarray(colours(rng))
    deep = Image.fromarray(np.uint16(colours(rng)[..., 0]) * 200)
    for suffix, kinds in KINDS.items():
        for mode, options in kinds:
            picture = deep if mode == "I;16" else coloured.convert(mode)
            if options.get("save_all"):
                options = options | {"append_images": [picture.rotate(90)]}
            elif suffix not in ("gif", "bmp"):
                options = options | {"exif": exif(6, DPI)}
            yield suffix, saved(picture, suffix, **options)


def exif(orientation, resolution):
    """An EXIF segment of two tags; the resolution, of any type, fills over 4 bytes."""
    kind, value = resolution
    size = {SHORT: 2, TEXT: 1, RATIONAL: 8}[kind]
    tags = struct.pack(">HHHIHH", 2, ORIENTATION, SHORT, 1, orientation, 0)
    tags += struct.pack(">HHII", X_RESOLUTION, kind, len(value) // size, 8 + 30)
    return b"Exif\0\0MM\0*\0\0\0\x08" + tags + b"\0\0\0\0" + value


def tagged(whole, suffix, segment):
    """The bytes of a lossless or JPEG picture with any bytes as EXIF segment."""
    if suffix == "webp":
        return saved(whole, suffix, lossless=True, exif=segment)
    content = saved(whole, suffix)
    if suffix == "jpg":
        head, part = 2, b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    else:
        head, part = 8 + 25, chunk(b"eXIf", segment.removeprefix(b"Exif\0\0"))
    return content[:head] + part + content[head:]


def chunk(name, content):
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png(width, height, depth, colour, rows, clear):
    """A PNG with a transparent colour, of rows of packed samples."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), (b"tRNS", struct.pack(f">{len(clear)}H", *clear))]
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts += [(b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def damaged(rng, content):
    """Bytes flipped, cut off, zeroed, taken out or put in."""
    content, length = bytearray(content), len(content)
    start = int(rng.integers(length))
    stop = min(start + int(rng.integers(1, 40)), length)
    way = rng.integers(5)
    if way == 0:
        for index in rng.integers(length, size=rng.integers(1, 20)):
            content[index] ^= int(rng.integers(1, 256))
    elif way == 1:
        del content[start:]
    elif way == 2:
        content[start:stop] = bytes(stop - start)
    elif way == 3:
        del content[start:stop]
    else:
        content[start:start] = rng.bytes(stop - start)
    return bytes(content)


def many(quick, slow):
    """Parametrize over the number of pictures, few in the fast tests."""
    counts = [quick, pytest.param(slow, marks=pytest.mark.slow)]
    return pytest.mark.parametrize("count", counts)


def is_line(text):
    """Whether a message is one plain line."""
    return text.isprintable() and "Traceback" not in text and len(text) < 800


@many(200, 2500)
def test_damaged_pictures_are_read_or_skipped_by_one_line(count, tmp_path, capsys):
    rng = np.random.default_rng(count)
    whole = list(samples(rng))
    (tmp_path / "0.png").write_bytes(whole[0][1])
    for index in range(count):
        suffix, content = whole[index % len(whole)]
        path = tmp_path / f"{index:05d}.{suffix}"
        path.write_bytes(damaged(rng, content))
    data = folder_set(tmp_path, resolution=8, skip_bad=True)
    image = data.on_host.image
    broken = data.ignored["broken pictures"]
    assert ".png" not in capsys.readouterr().out
    assert image.shape == (count + 1 - len(broken), 8, 8, 3)
    assert image.dtype == np.uint8
    assert len(broken) > count / 10  # the damage is no play
    names = [line.split(" (")[0] for line in broken]
    assert names == sorted(set(names)) and all((tmp_path / x).exists() for x in names)
    lines = describe_ignored(data.ignored)
    assert lines == [f"left out {line}" for line in broken]
    assert all(map(is_line, lines))


@pytest.mark.parametrize("suffix", sorted(KINDS))
def test_whole_pictures_of_every_format_are_read(suffix, tmp_path):
    """The first frame of animations; upright, as all but GIF and BMP are tagged."""
    path = tmp_path / f"a.{suffix}"
    ramp = np.add.outer(4 * np.arange(8), 20 * np.arange(8)).astype(np.uint8)
    turned = ramp if suffix in ("gif", "bmp") else np.rot90(ramp, -1)
    tag = {} if suffix in ("gif", "bmp") else {"exif": exif(6, DPI)}
    plain = {"lossless": True} if suffix == "webp" else {}
    frames = {"append_images": [Image.new("RGB", (8, 8), "red")], "save_all": True}
    animated = frames if suffix in ("gif", "png", "webp", "tif") else {}
    for options in (plain, plain | animated):
        picture = Image.fromarray(ramp).convert("RGB")
        path.write_bytes(saved(picture, suffix, **tag, **options))
        image = np.asarray(read_picture(path).convert("L"), int)
        np.testing.assert_allclose(image, turned, atol=8)  # JPEG and AVIF round


@pytest.mark.parametrize(
    "resolution", [DPI, WORDS, (RATIONAL, bytes(8)), (SHORT, bytes(6))]
)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_of_exif_only_the_orientation_is_read(suffix, resolution, tmp_path):
    whole = Image.fromarray(colours(np.random.default_rng(0)))
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(tagged(whole, suffix, exif(1, resolution)))
    plain = np.asarray(read_picture(path))
    for orientation in range(10):
        path.write_bytes(tagged(whole, suffix, exif(orientation, resolution)))
        turn = TURNS.get(orientation, TURNS[1])
        np.testing.assert_array_equal(np.asarray(read_picture(path)), turn(plain))


@many(100, 2000)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_whole_pictures_with_damaged_exif_are_read(suffix, count, tmp_path):
    """As they are, or turned as what is left of their EXIF may say."""
    rng = np.random.default_rng(count)
    whole = Image.fromarray(colours(rng))
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(tagged(whole, suffix, b""))
    plain = np.asarray(read_picture(path))
    allowed = {turn(plain).tobytes() for turn in TURNS.values()}
    with ignore_pillow_warnings():
        for _ in range(count):
            segment = damaged(rng, exif(6, WORDS))
            path.write_bytes(tagged(whole, suffix, segment))
            assert np.asarray(read_picture(path)).tobytes() in allowed


ERRORS = [AttributeError, EOFError, IndexError, KeyError, MemoryError, OSError]
ERRORS += [OverflowError, RuntimeError, RecursionError, SyntaxError, TypeError]
ERRORS += [UnicodeError, ZeroDivisionError, struct.error, zlib.error]


@pytest.mark.parametrize("error", ERRORS)
def test_any_error_of_a_decoder_is_one_line_or_a_skip(error, tmp_path, monkeypatch):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    Image.new("L", (8, 8)).save(tmp_path / "b\n.png")
    opened = Image.open

    def fail(path, *rest, **options):
        if path.name == "b\n.png":
            raise error("a\nb")
        return opened(path, *rest, **options)

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(ValueError, match=r"picture .*b\\n\.png: .*skip-bad") as refusal:
        _ = folder_set(tmp_path).on_host
    assert is_line(str(refusal.value))
    data = folder_set(tmp_path, skip_bad=True)
    assert data.spec.size == 1
    (told,) = describe_ignored(data.ignored)
    assert told.startswith("left out b\\n.png (") and is_line(told)


def test_a_picture_of_too_many_pixels_is_refused_by_the_limit_or_skipped(tmp_path):
    huge = png(20_000, 20_000, 1, 0, [b""], [0])
    (tmp_path / "a.png").write_bytes(huge)
    Image.new("L", (8, 8)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match="a.png: .*178,956,970 pixels.*skip-bad"):
        folder_set(tmp_path)
    assert folder_set(tmp_path, skip_bad=True).spec.shape == (8, 8, 3)


def test_a_large_picture_is_read_without_a_warning(tmp_path, monkeypatch):
    Image.new("L", (8, 8), 100).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # Pillow refuses twice as many
    assert (folder_set(tmp_path).on_host.image == 100).all()


@pytest.mark.parametrize("resolution", [None, 8])
def test_a_folder_of_broken_pictures_is_refused_in_one_line(resolution, tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match="none of its 2 pictures.*a.png") as refusal:
        folder_set(tmp_path, skip_bad=True, resolution=resolution)
    assert is_line(str(refusal.value))


def test_a_broken_picture_ends_the_reading(tmp_path, monkeypatch):
    """The pictures after it are not decoded first."""
    for index in range(300):
        Image.new("L", (8, 8)).save(tmp_path / f"{index:03d}.png")
    (tmp_path / "001.png").write_bytes(b"broken")
    read = []
    monkeypatch.setattr(
        folder, "read_picture", lambda path: read.append(path) or read_picture(path)
    )
    with pytest.raises(ValueError, match="001.png"):
        _ = folder_set(tmp_path).on_host
    assert len(read) < 300


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_a_png_is_white(depth, tmp_path):
    most = 2**depth - 1
    for clear in (0, most, most // 3):
        levels = np.round(np.linspace(0, most, 8)).astype(int)
        levels[:2] = clear
        bits = "".join(f"{level:0{depth}b}" for level in levels)
        row = int(bits, 2).to_bytes(depth)
        (tmp_path / "a.png").write_bytes(png(8, 8, depth, 0, [row] * 8, [clear]))
        image = np.asarray(read_picture(tmp_path / "a.png").convert("L"))
        expected = np.where(levels == clear, 255, np.round(levels * 255 / most))
        np.testing.assert_array_equal(image, np.tile(expected, (8, 1)))


@pytest.mark.parametrize("depth", [8, 16])
def test_the_transparent_colour_of_a_png_is_white(depth, tmp_path):
    """Of 16 bits Pillow reads the upper 8."""
    clear, other = np.array([100, 20, 0]), np.array([0, 200, 20])
    if depth == 16:
        clear, other = clear * 256 + 7, other * 256 + 255
    row = struct.pack(">6B" if depth == 8 else ">6H", *clear, *other)
    (tmp_path / "a.png").write_bytes(png(2, 2, depth, 2, [row] * 2, clear))
    image = np.asarray(read_picture(tmp_path / "a.png"))
    np.testing.assert_array_equal(image, [[[255, 255, 255], [0, 200, 20]]] * 2)


def test_float_samples_are_refused_as_they_have_no_white(tmp_path):
    Image.new("F", (8, 8), 0.5).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="a.tif: .*floats"):
        folder_set(tmp_path)
