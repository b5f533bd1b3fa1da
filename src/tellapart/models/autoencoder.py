"""Convolutional autoencoders: encode an image as a low-dimensional latent, and decode it.

``small`` is ours. ``classic`` is the network of the animal-faces project that the guide speaks of, layer for layer; it
is wide in the middle (two numbers for three of the image) and so copies rather than describes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from tellapart.errors import ModelError, OptionError, reason_of
from tellapart.models.model_card import check_tensors, read_card

WIDTHS = (32, 64, 128, 256, 256, 256)
"""Channels of ``small`` from the image inwards."""
SMALLEST_MAP = 8
"""``small`` halves the map until its side is at most this; then all places go into the latent."""
CLASSIC_CHANNELS = 8
STEP = 16
"""Sides of images are multiples of this."""
ARCHITECTURE = "autoencoder-"
DECODER = "decoder.safetensors"


class Autoencoder(nn.Module):
    """Images (n, 3, s, s), float from 0 to 1, to images of the same shape.

    Attributes:
        encoder: images to latents (n, d).
        decoder: latents to images.
        num_features: d.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, num_features: int) -> None:
        super().__init__()
        self.encoder, self.decoder, self.num_features = encoder, decoder, num_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reconstructions (n, 3, s, s) of images of that shape."""
        return self.decoder(self.encoder(x))  # type: ignore[no-any-return]


class Spread(nn.Module):
    """Vectors (n, c * h * h) as maps (n, c, h, h), channels last."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.channels, self.side = channels, side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (n, c, h, h) of vectors (n, c * h * h)."""
        return x.reshape(-1, self.channels, self.side, self.side).contiguous(memory_format=torch.channels_last)


def build_autoencoder(net: str, image_size: int, latent: int | None = None) -> Autoencoder:
    """An autoencoder with random weights, the same one again after the same ``torch.manual_seed``.

    Args:
        net: a name of ``AUTOENCODERS``.
        image_size: side of the images in pixels, a multiple of 16.
        latent: width of the latent; None for the network's own.

    Raises:
        ModelError: no such network.
        OptionError: a size it cannot take, or a latent width where the network has its own.
    """
    if net not in AUTOENCODERS:
        raise ModelError(f"there is no autoencoder {net!r}", hint=f"choose one of {', '.join(AUTOENCODERS)}")
    if image_size < 2 * STEP or image_size % STEP:
        raise OptionError(f"image_size must be a multiple of {STEP} from {2 * STEP} on, got {image_size}", hint="--image-size 128")
    return AUTOENCODERS[net](image_size, latent)


def bare_encoder(architecture: str, image_size: int, num_features: int) -> nn.Module:
    """The encoder of a card, its weights yet to be loaded."""
    net = architecture.removeprefix(ARCHITECTURE)
    return build_autoencoder(net, image_size, None if net == "classic" else num_features).encoder


def saved_decoder(folder: Path, architecture: str, image_size: int, num_features: int) -> nn.Module:
    """The decoder that lies in the ``model`` folder of an autoencoder's run, in evaluation mode.

    Raises:
        ModelError: it is absent or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        path = check_tensors(folder, read_card(folder), DECODER)
    except ModelError as error:
        raise ModelError(f"the decoder in {folder / DECODER} cannot be read: {error}", hint=error.hint) from error
    net = architecture.removeprefix(ARCHITECTURE)
    decoder = build_autoencoder(net, image_size, None if net == "classic" else num_features).decoder
    try:
        decoder.load_state_dict(load_file(path), strict=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"the decoder in {folder / DECODER} cannot be read: {reason_of(error)}") from error
    return decoder.requires_grad_(False).eval()


def _small(image_size: int, latent: int | None) -> Autoencoder:
    """3x3 convolutions of stride 2, batch norm and SiLU; a linear layer to the latent and one back; nearest neighbors and convolutions."""
    width = latent or 128
    sides = [image_size]
    while sides[-1] > SMALLEST_MAP:
        sides.append(-(-sides[-1] // 2))
    channels = [3, *WIDTHS[: len(sides) - 1]]
    down: list[nn.Module] = []
    for here, there in pairwise(channels):
        down += [nn.Conv2d(here, there, 3, 2, 1, bias=False), nn.BatchNorm2d(there), nn.SiLU()]
    flat = channels[-1] * sides[-1] ** 2
    up: list[nn.Module] = [nn.Linear(width, flat), Spread(channels[-1], sides[-1]), nn.SiLU()]
    steps = list(zip(channels[::-1], channels[-2::-1], sides[-2::-1], strict=False))
    for here, there, side in steps[:-1]:
        up += [nn.Upsample((side, side)), nn.Conv2d(here, there, 3, padding=1, bias=False), nn.BatchNorm2d(there), nn.SiLU()]
    up += [nn.Upsample((image_size, image_size)), nn.Conv2d(channels[1], 3, 3, padding=1), nn.Sigmoid()]
    return Autoencoder(nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, width)), nn.Sequential(*up), width)


def _classic(image_size: int, latent: int | None) -> Autoencoder:
    """Convolutions of 64 and 8 maps with a max pool between; back by 8, nearest neighbors, 32 and 3 with a sigmoid (as in Keras)."""
    side = image_size // 2
    width = CLASSIC_CHANNELS * side * side
    if latent not in (None, width):
        raise OptionError(
            f"classic has a latent of its own, {width:,} numbers at {image_size} pixels", hint="leave --latent out, or --architecture small"
        )
    encoder = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(64, CLASSIC_CHANNELS, 3, padding=1), nn.ReLU(), nn.Flatten()
    )
    decoder = nn.Sequential(
        Spread(CLASSIC_CHANNELS, side),
        *(nn.Conv2d(CLASSIC_CHANNELS, CLASSIC_CHANNELS, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
        *(nn.Conv2d(CLASSIC_CHANNELS, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 3, 3, padding=1), nn.Sigmoid()),
    )
    network = Autoencoder(encoder, decoder, width)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network


AUTOENCODERS: dict[str, Callable[[int, int | None], Autoencoder]] = {"small": _small, "classic": _classic}
"""An autoencoder for an image size and a latent width. ``small`` is the one to take."""
