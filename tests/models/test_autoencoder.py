from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tellapart.errors import ModelError, OptionError
from tellapart.models.autoencoder import ARCHITECTURE, AUTOENCODERS, DECODER, bare_encoder, build_autoencoder, saved_decoder
from tellapart.models.fused_inference import fast_network


@pytest.mark.parametrize(("size", "latent"), [(32, 3), (48, 16), (64, 128), (96, 7)])
def test_small_gives_images_of_the_same_shape_through_as_many_numbers_as_asked(size: int, latent: int) -> None:
    network = build_autoencoder("small", size, latent)
    x = torch.rand(2, 3, size, size)
    assert network.encoder(x).shape == (2, latent)
    answers = network(x).detach()
    assert answers.shape == x.shape
    assert 0 <= float(answers.min()) <= float(answers.max()) <= 1


def test_classic_is_the_network_of_the_animal_faces_layer_for_layer() -> None:
    network = build_autoencoder("classic", 128)
    assert network.num_features == 64 * 64 * 8
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [(3, 64), (64, 8), (8, 8), (8, 32), (32, 3)]
    # Keras's own count: 1,792 + 4,616 + 584 + 2,336 (8 to 32) + 867
    assert sum(p.numel() for p in network.parameters()) == 1792 + 4616 + 584 + 2336 + 867
    assert network(torch.rand(1, 3, 128, 128)).shape == (1, 3, 128, 128)


def test_the_same_seed_gives_the_same_network() -> None:
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(build_autoencoder("small", 32, 4).state_dict()["encoder.0.weight"])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


@pytest.mark.parametrize("net", AUTOENCODERS)
def test_the_encoder_alone_is_built_from_what_a_card_says_and_can_be_fused(net: str) -> None:
    network = build_autoencoder(net, 32, 5 if net == "small" else None).eval()
    encoder = bare_encoder(ARCHITECTURE + net, 32, network.num_features).eval()
    encoder.load_state_dict(network.encoder.state_dict(), strict=True)
    x = torch.rand(3, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = network.encoder(x)
        assert torch.equal(encoder(x), wanted)
        assert torch.allclose(fast_network(encoder.requires_grad_(False), 32)(x), wanted, atol=1e-3 * float(wanted.abs().max()))


@pytest.mark.parametrize("size", [16, 40, 100])
def test_sides_that_cannot_be_halved_are_refused(size: int) -> None:
    with pytest.raises(OptionError, match=f"multiple of 16 .* got {size}"):
        build_autoencoder("small", size)


def test_classic_has_a_latent_of_its_own() -> None:
    with pytest.raises(OptionError, match="32,768 numbers at 128 pixels"):
        build_autoencoder("classic", 128, 64)


def test_an_unknown_net_is_said() -> None:
    with pytest.raises(ModelError, match="no autoencoder 'smal'"):
        build_autoencoder("smal", 64)


def test_a_decoder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=DECODER):
        saved_decoder(tmp_path, ARCHITECTURE + "small", 32, 4)
