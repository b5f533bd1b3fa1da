import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.errors import ImageError
from tellapart.images import decode
from tests import sample_images


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_gives_the_same_image(name: str) -> None:
    image = decode(sample_images.photo(4, 201, 151, name=name))
    assert (image.width, image.height, image.format) == (201, 151, name)
    assert image.pixels.shape == (151, 201, 3)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.writeable
    assert image.pixels.flags.c_contiguous
    assert mean_difference(image.pixels, sample_images.photo_pixels(4, 201, 151)) < 6


@pytest.mark.parametrize("name", ["JPEG2000", "TGA", "PPM", "PCX", "SGI", "DDS", "ICO"])
def test_what_pillow_reads_beside_them_is_read(name: str) -> None:
    image = decode(sample_images.photo(4, 201, 151, name=name))
    assert image.format == name
    assert (image.width, image.height) == ((128, 96) if name == "ICO" else (201, 151))
    if name != "ICO":
        assert mean_difference(image.pixels, sample_images.photo_pixels(4, 201, 151)) < 6


@pytest.mark.parametrize("data", [sample_images.flat_psd(), sample_images.flat_qoi(), sample_images.flat_sun()], ids=["psd", "qoi", "sun"])
def test_formats_that_pillow_only_reads(data: bytes) -> None:
    assert set(map(tuple, decode(data).pixels.reshape(-1, 3).tolist())) == {(200, 10, 30)}


def test_heic_is_read_upright_with_the_extra() -> None:
    pytest.importorskip("pi_heif")
    image = decode(sample_images.HEIC_PHOTO)
    assert (image.width, image.height, image.format) == (64, 48, "HEIC")
    assert mean_difference(image.pixels, sample_images.photo_pixels(3, 64, 48)) < 8


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("form", ['<x tiff:Orientation="6"/>', "<x tiff:Orientation='6'/>", "<tiff:Orientation>6</tiff:Orientation>"])
def test_orientation_by_xmp_alone_is_applied_on_every_route(name: str, form: str) -> None:
    stored = Image.fromarray(sample_images.photo_pixels()).transpose(Image.Transpose.ROTATE_90)
    image = decode(sample_images.with_xmp(stored, name, form))
    assert (image.width, image.height) == (200, 150)
    assert mean_difference(image.pixels, sample_images.photo_pixels()) < 8


def test_exif_has_the_word_before_xmp() -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    for name in ("JPEG", "PNG", "WEBP"):
        assert (
            decode(
                sample_images.with_xmp(Image.fromarray(sample_images.photo_pixels()), name, '<x tiff:Orientation="6"/>', exif=exif)
            ).width
            == 200
        )


@pytest.mark.parametrize("name", sorted(sample_images.bad_files()))
def test_every_bad_kind_is_refused_with_its_reason(name: str) -> None:
    data, reason = sample_images.bad_files()[name]
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["plain", "progressive", "gray", "cmyk"])
def test_a_cut_jpeg_never_passes(kind: str, share: float) -> None:
    data = {
        "plain": sample_images.photo(1),
        "progressive": sample_images.photo(1, progressive=True),
        "gray": sample_images.encoded(Image.fromarray(sample_images.photo_pixels(1)).convert("L")),
        "cmyk": sample_images.cmyk_photo(1),
    }[kind]
    decode(data)
    for min_size in (None, 20):
        with pytest.raises(ImageError, match="cut off"):
            decode(sample_images.cut(data, share), min_size=min_size)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("name", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_other_formats_cut_never_pass(name: str, share: float) -> None:
    with pytest.raises(ImageError, match=r"cut off|header makes no sense"):
        decode(sample_images.cut(sample_images.photo(1, name=name), share))


def test_a_cut_compressed_tiff_says_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    data = sample_images.photo(1, name="TIFF", compression="tiff_lzw")
    for seed in range(10):
        try:
            decode(sample_images.flipped(data, seed, 5, 200))
        except ImageError:
            continue
    assert capfd.readouterr().err == ""


def test_corrupt_jpeg_data_is_damaged_and_bytes_after_the_end_are_not() -> None:
    gray = sample_images.encoded(Image.fromarray(sample_images.photo_pixels(1)).convert("L"))
    reasons = []
    for seed in range(30):
        try:
            decode(sample_images.flipped(gray, seed, 2, len(gray) // 3))
        except ImageError as error:
            reasons.append(str(error))
    assert sum(reason.startswith("damaged") for reason in reasons) > 10
    decode(gray + b"some program's own notes" * 9)


def test_a_harmless_complaint_goes_through_pillow() -> None:
    data = sample_images.photo(1)
    extra = data[:-2] + bytes(20) + data[-2:]  # extraneous bytes before the end marker
    np.testing.assert_array_equal(decode(extra).pixels, decode(data).pixels)
    assert decode(extra, min_size=20).pixels.shape == decode(data, min_size=20).pixels.shape


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation_is_applied_on_every_route(name: str, orientation: int) -> None:
    image = decode(sample_images.oriented_photo(orientation, name=name))
    assert (image.width, image.height) == (200, 150)
    assert mean_difference(image.pixels, sample_images.photo_pixels()) < 6


def test_orientation_of_cmyk_and_scaled_files() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(sample_images.photo_pixels()).transpose(Image.Transpose.ROTATE_90)
    for mode in ("RGB", "CMYK"):
        image = decode(sample_images.encoded(stored.convert(mode), exif=exif, quality=95), min_size=30)
        assert (image.width, image.height) == (200, 150)
        assert image.pixels.shape == (75, 100, 3)
        half = np.asarray(Image.fromarray(sample_images.photo_pixels()).reduce(2))
        assert mean_difference(image.pixels, half) < 4


@pytest.mark.parametrize(
    ("width", "height", "min_size", "factor"),
    [(801, 603, 152, 1), (801, 603, 151, 2), (801, 603, 76, 2), (801, 603, 75, 4), (801, 603, 39, 4), (801, 603, 38, 8), (801, 9, 2, 2)],
)
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_scaling_keeps_both_sides_at_twice_min_size(width: int, height: int, min_size: int, factor: int, name: str) -> None:
    image = decode(sample_images.photo(1, width, height, name=name), min_size=min_size)
    assert (image.width, image.height) == (width, height)
    assert image.pixels.shape == (-(-height // factor), -(-width // factor), 3)
    assert factor == 1 or min(image.pixels.shape[:2]) >= 2 * min_size


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(3, 0)
    gray = decode(sample_images.deep_gray_png(ramp)).pixels
    assert np.abs(gray[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    color = decode(sample_images.deep_rgb_png(np.stack([ramp, ramp[:, ::-1], ramp // 2], axis=2))).pixels
    assert np.abs(color[0].astype(int) - np.stack([np.arange(256), np.arange(256)[::-1], np.arange(256) // 2], 1)).max() <= 1


def test_alpha_lies_on_white() -> None:
    pixels = decode(sample_images.half_clear_png((200, 0, 0))).pixels
    assert tuple(pixels[0, 0]) == (200, 0, 0)
    assert tuple(pixels[0, -1]) == (255, 255, 255)


def test_palette_with_and_without_a_clear_color() -> None:
    plain, clear = decode(sample_images.palette_png(1)).pixels, decode(sample_images.palette_png(1, see_through=True)).pixels
    assert mean_difference(plain, sample_images.photo_pixels(1)) < 6
    changed = (plain != clear).any(axis=2)
    assert 0 < changed.sum() < changed.size
    assert (clear[changed] == 255).all()


def test_clear_color_in_gray_and_rgb_png() -> None:
    gray = Image.fromarray(np.array([[0, 100], [200, 255]], np.uint8))
    assert decode(sample_images.encoded(gray, "PNG", transparency=0)).pixels[0, 0, 0] == 255
    assert decode(sample_images.encoded(gray.convert("RGB"), "PNG", transparency=(100, 100, 100))).pixels[0, 1, 0] == 255


def test_only_the_first_frame_of_an_animation() -> None:
    assert tuple(decode(sample_images.animated_gif()).pixels[5, 5]) == (255, 0, 0)


def test_adobe_cmyk_is_not_a_negative() -> None:
    image = decode(sample_images.cmyk_photo(1))
    assert mean_difference(image.pixels, sample_images.photo_pixels(1)) < 6


def test_both_jpeg_routes_give_the_same_pixels() -> None:
    from tellapart.images.jpeg_header import read_jpeg_header
    from tellapart.images.pillow_decoder import decode_jpeg_with_pillow

    data = sample_images.photo(7, 403, 301)
    for factor, min_size in ((1, None), (2, 75), (4, 37), (8, 9)):
        assert mean_difference(decode(data, min_size=min_size).pixels, decode_jpeg_with_pillow(data, read_jpeg_header(data), factor)) < 0.5


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_profiles_that_are_not_srgb_are_converted_on_both_routes(name: str) -> None:
    red = np.full((16, 16, 3), (255, 0, 0), np.uint8)
    swapped = decode(sample_images.encoded(red, name, icc_profile=sample_images.swapped_profile())).pixels
    np.testing.assert_allclose(swapped[8, 8], (0, 0, 255), atol=6)
    kept = decode(sample_images.encoded(red, name, icc_profile=sample_images.srgb_profile())).pixels
    np.testing.assert_allclose(kept[8, 8], (255, 0, 0), atol=2)


def test_large_images_raise_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filters = list(warnings.filters)
        image = decode(sample_images.huge_bilevel_png(10_000, 9_500), min_size=100)  # Pillow warns from 89 million on
        assert warnings.filters == filters
    assert image.pixels.shape == (1188, 1250, 3)


PEAK = """
import sys, threading
from tellapart.errors import ImageError
from tellapart.images import decode
from tests import sample_images

def memory(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field)) / 1000

decode(sample_images.photo()), decode(sample_images.photo(name="PNG"))
kind = sys.argv[1]
if kind == "bilevel":
    files = [sample_images.huge_bilevel_png()] * 2
elif kind == "allowed":
    files = [sample_images.huge_bilevel_png(13_000, 13_000)] * 2
idle = memory("VmRSS")
reasons = []
def work(data):
    try:
        decode(data, min_size=224)
    except ImageError as error:
        reasons.append(str(error))
threads = [threading.Thread(target=work, args=(data,)) for data in files]
[thread.start() for thread in threads], [thread.join() for thread in threads]
print(memory("VmHWM") - idle)
print(reasons)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize("kind", ["bilevel", "allowed"])
def test_huge_images_take_under_300_mb_in_two_threads(kind: str) -> None:
    root = Path(__file__).parents[2]
    paths = [str(root), str(Path(tellapart.__file__).parents[1])]
    code = f"import sys; sys.path[:0] = {paths!r}\n" + PEAK
    result = subprocess.run([sys.executable, "-c", code, kind], capture_output=True, text=True, check=True)
    peak_mb, reasons = result.stdout.splitlines()
    assert 0 <= float(peak_mb) <= 300
    assert reasons.count("20,000 x 20,000 pixels are too many to decode safely") == (2 if kind == "bilevel" else 0)


def test_threads_agree_with_one_thread() -> None:
    files = [sample_images.photo(seed, name=name) for seed in range(6) for name in ("JPEG", "PNG", "WEBP", "GIF")]
    files += [sample_images.flipped(file, 1, 20) for file in files]

    def outcome(data: bytes) -> bytes:
        try:
            return decode(data, min_size=32).pixels.tobytes()
        except ImageError as error:
            return str(error).encode()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(outcome, files)) == [outcome(file) for file in files]


def test_importing_is_light() -> None:
    source = str(Path(tellapart.__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {source!r}); import tellapart.images; print(sys.modules.keys() & {{'torch', 'simplejpeg'}})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
