"""Moving pixels on a graphics card: the matrices of augmentation/policy.py through torch's ``grid_sample``."""

from __future__ import annotations

import torch

PADDING = {"reflect": "reflection", "nearest": "border", "black": "zeros"}


def warped(pixels: torch.Tensor, matrices: torch.Tensor, *, out_size: int | None = None, fill: str = "reflect") -> torch.Tensor:
    """Each image through its matrix, bilinear: uint8 (n, h, w, 3) to float32 (n, 3, o, o) gray levels 0 to 255, where ``pixels`` lies.

    Args:
        pixels: uint8 (n, h, w, 3).
        matrices: float (n, 2, 3) on any device; each maps x, y of a pixel of the result to x, y of the source, in pixels.
        out_size: side of the result; by default height and width of ``pixels``.
        fill: what lies outside the source: ``reflect``, ``nearest`` or ``black``.
    """
    height, width = pixels.shape[1:3]
    tall, wide = (out_size, out_size) if out_size is not None else (height, width)
    image = pixels.permute(0, 3, 1, 2).to(torch.float32)
    theta = normalized(matrices, (height, width), (tall, wide)).to(image)
    grid = torch.nn.functional.affine_grid(theta, [len(pixels), 3, tall, wide], align_corners=False)
    return torch.nn.functional.grid_sample(image, grid, mode="bilinear", padding_mode=PADDING[fill], align_corners=False)


def normalized(matrices: torch.Tensor, size: tuple[int, int], out_size: tuple[int, int]) -> torch.Tensor:
    """Matrices in pixels as torch wants them, both sides of an image running from -1 to 1; float64 (n, 2, 3).

    Args:
        matrices: float (n, 2, 3), pixels of the result to pixels of the source.
        size: height and width of the source.
        out_size: height and width of the result.
    """
    matrices = matrices.to(torch.float64)
    source = torch.tensor([size[1], size[0]], dtype=torch.float64, device=matrices.device)
    result = torch.tensor([out_size[1], out_size[0]], dtype=torch.float64, device=matrices.device)
    linear = matrices[:, :, :2] * result / source[:, None]
    center = matrices[:, :, :2] @ ((result - 1) / 2) + matrices[:, :, 2]
    return torch.cat([linear, ((2 * center + 1) / source - 1)[:, :, None]], dim=2)
