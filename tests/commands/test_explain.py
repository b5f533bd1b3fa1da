from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import tellapart
from tellapart.errors import DataError, ModelError, OptionError
from tellapart.models import network_loading
from tellapart.models.backbone_card import Backbone
from tellapart.models.feature_network import Features
from tellapart.run_folder import Run
from tests import folders


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return folders.write(tmp_path, {"new/dots 1.jpg": folders.class_photo("dots", 200), "new/bad.jpg": b"no image"}) / "new"


def test_each_image_is_shown_with_its_maps_and_the_unreadable_are_named(trained: Run, image: Path, tmp_path: Path) -> None:
    found = tellapart.explain(trained.folder, image, out=tmp_path / "sheet.png")
    [one] = found.images
    assert one.predicted == one.class_ == "dots"
    assert one.probability > 0.5
    assert set(one.brightest) == {"Grad-CAM", "occlusion"}
    assert list(found.unreadable) == ["bad.jpg"]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 3 * 280


def test_another_class_and_no_occlusion(trained: Run, image: Path, tmp_path: Path) -> None:
    found = tellapart.explain(trained.folder, image / "dots 1.jpg", class_="stripes", occlusion=False, out=tmp_path / "sheet.jpg")
    [one] = found.images
    assert (one.predicted, one.class_) == ("dots", "stripes")
    assert one.probability < 0.5
    assert set(one.brightest) == {"Grad-CAM"}
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.format == "JPEG"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"class_": "dot"}, OptionError, "no class 'dot'"),
        ({"layer": "blocks.77"}, ModelError, "no layer 'blocks.77'"),
        ({"out": "sheet.pdf"}, OptionError, "must end in"),
    ],
)
def test_what_is_not_there_is_said(trained: Run, image: Path, options: dict[str, str], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        tellapart.explain(trained.folder, image, **{"out": str(image.parent / "x.png"), **options})


def test_the_sheet_lies_beside_the_run_by_default_and_never_among_photos(
    trained: Run, photos: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(image)
    before = set(image.iterdir())
    found = tellapart.explain(trained.folder, "dots 1.jpg", occlusion=False)
    assert found.out == trained.folder.with_name("photos-1-explain.jpg")
    assert found.out.is_file()
    for place in ("sheet.png", photos / "dots/sheet.png", photos / "sheet.png"):
        with pytest.raises(OptionError, match="is inside the image folder"):
            tellapart.explain(trained.folder, "dots 1.jpg", out=place)
    assert set(image.iterdir()) == before
    found.out.unlink()  # the run is that of all tests


def test_no_run_is_said(image: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run"):
        tellapart.explain(tmp_path / "none", image)


def test_the_network_is_built_once_for_prediction_and_occlusion(
    trained: Run, photos: Path, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    real = network_loading.network_of

    def counted(backbone: Backbone, *, device: str = "auto") -> Features:
        built.append(backbone.precision)
        return real(backbone, device=device)

    monkeypatch.setattr(network_loading, "network_of", counted)
    files = sorted(photos.rglob("*.jpg"))[:2]
    tellapart.explain(trained.folder, files, out=tmp_path / "e.jpg", precision="float32")
    assert built == ["float32"]
