"""Near-duplicates: the same photo saved again, resized, cropped, turned a little, framed, captioned or mirrored.

Hashes and features propose; what decides is whether two images agree in detail once the one is laid over the other
(:mod:`tellapart.curation.registration`): a hash alone merges different things photographed on one plain background. Where
there is too little detail, features and a 16 x 16 miniature must agree. Limits were set on the pairs listed in
docs/log.md (2026-11-21). In sets whose images all share one image (solar cells, X-rays), any two agree in detail:
there the miniatures alone count, less what they have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import BoolArray, ByteArray, FloatArray, IntArray
from tellapart.concurrency import one_opencv_thread, side_by_side
from tellapart.curation.duplicate_candidates import MOST_BITS, CandidatePairs, candidate_pairs
from tellapart.curation.registration import ENOUGH_DETAIL, Agreement, best_agreement, better_agreement, box_move, compare_after_move
from tellapart.curation.registration_images import WHOLE, RegistrationImage
from tellapart.features import FeatureMatrix
from tellapart.features.matrix import unit_rows
from tellapart.images.perceptual_hash import mirrored_signature

VERSION = 1
"""Of all that decides what a copy is, here, in ``alignment``, ``candidates`` and ``miniatures``: one more whenever it says something
else than before, so that what the cache holds is found anew (a test of the output for fixed images reminds of it)."""
SAME_FILE = {"bits": 10, "cosine": 0.30, "correlation": 0.998}
SAME_IMAGE = {"bits": 24, "cosine": 0.70, "correlation": 0.985}
SAME_SCENE = {"bits": 34, "cosine": 0.87, "correlation": 0.90}
LEAST_DETAIL, LEAST_STRUCTURE, LEAST_AGREEING = 0.83, 0.80, 0.88
LEAST_DETAIL_IF_LIKE = 0.70
"""For pairs that also pass by hash, features and miniature."""
DOUBTFUL_DETAIL = 0.65
FEWEST_BLOCKS = 6
MOST_STRETCH, MOST_TURN, SAME_PLACE = 1.06, 10.0, 0.03
LEAST_COLOR, RECOLORED_DETAIL = 0.5, 0.9
COMMON_DETAIL = 0.3
"""Unlike photos agree in detail by 0.00 +- 0.05; nine of ten pairs of solar cells by less than 0.74."""
SMALLEST_SET, SAMPLE = 64, 256
_CHUNK, _RANDOM_PAIRS, _ORIENTATION_BITS = 512, 120, 12

Signatures = Callable[[Sequence[str]], FloatArray]
Images = Callable[[Sequence[str]], Mapping[str, ByteArray]]
"""Small images, uint8 (h, w, 3), by image id; those that are not to be had are left out."""


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """Two images that show the same photo, or nearly pass for it.

    Attributes:
        first, second: image ids.
        similarity: 0..1; how well they agree where both show something.
        is_copy: whether it is the same photo; else the pair is one for the eye.
        is_mirrored: one is the mirror image of the other.
        framed: ids of those of the two that have a frame or caption bar which the other has not.
    """

    first: str
    second: str
    similarity: float
    is_copy: bool = True
    is_mirrored: bool = False
    framed: tuple[str, ...] = ()

    @property
    def pair(self) -> tuple[str, str]:
        """Both ids."""
        return self.first, self.second


def near_duplicates(hashes: ByteArray, mirror_hashes: ByteArray, features: FeatureMatrix, signatures: Signatures) -> list[tuple[str, str]]:
    """Pairs of image ids that show the same photo, by hash, features and miniature alone; see :func:`compare_pairs`."""
    return [one.pair for one in compare_pairs(hashes, mirror_hashes, features, signatures) if one.is_copy]


def compare_pairs(
    hashes: ByteArray,
    mirror_hashes: ByteArray,
    features: FeatureMatrix,
    signatures: Signatures,
    images: Images | None = None,
    *,
    is_asked: BoolArray | None = None,
) -> list[ComparedPair]:
    """Images that show the same photo, and those that nearly pass for it, by their ids.

    Args:
        hashes: uint8 (n, 16), in the order of ``features.image_ids``.
        mirror_hashes: the same of the mirror images.
        features: any backbone's; standardized here, so that cosines of unlike images lie about 0. Their width may be 0.
        signatures: gives the (m, 768) miniatures of m images; asked only for likely pairs.
        images: gives small images, 128 pixels on the longer side; asked only for likely pairs. Without them crops,
            frames and captions are mostly missed, and nothing is doubtful.
        is_asked: a mask (n,); pairs of two images that are not asked about are left out.
    """
    if len(features) < 3:
        return []
    likely = candidate_pairs(hashes, mirror_hashes, features.values)
    if is_asked is not None:
        likely = likely.where(np.asarray(is_asked[likely.pairs].any(axis=1)))
    correlations = _correlations_both_ways(likely, features.image_ids, signatures)
    is_like, is_like_mirrored = (
        _passes(bits, likely.cosines, found) for bits, found in zip((likely.bits, likely.mirror_bits), correlations, strict=True)
    )
    best = np.maximum(*correlations)
    if images is None or _share_one_image(features.image_ids, images):
        found = [
            ComparedPair(*_ids(likely, row, features), similarity=_share(best[row]), is_mirrored=bool(~is_like[row]))
            for row in np.flatnonzero(is_like | is_like_mirrored).tolist()
        ]
    else:
        is_like |= is_like_mirrored
        with one_opencv_thread():
            found = [
                one
                for row, seen in _agreements(likely, is_like, features.image_ids, images)
                if (one := _likeness(_ids(likely, row, features), seen, is_like=bool(is_like[row])))
            ]
    return sorted(found, key=lambda one: one.pair)


def _ids(likely: CandidatePairs, row: int, features: FeatureMatrix) -> tuple[str, str]:
    first, second = likely.pairs[row]
    return features.image_ids[first], features.image_ids[second]


def _share(value: float) -> float:
    return round(max(0.0, min(1.0, float(value))), 4)


def _likeness(pair: tuple[str, str], seen: Agreement, *, is_like: bool) -> ComparedPair | None:
    """What an agreement means; None where the images are simply different."""
    is_move = (seen.stretch <= MOST_STRETCH and abs(seen.turn) <= MOST_TURN) or seen.shift <= SAME_PLACE
    is_colored_alike = seen.color >= LEAST_COLOR or seen.detail >= RECOLORED_DETAIL
    has_detail = seen.detailed_blocks >= FEWEST_BLOCKS
    is_same = seen.detail >= LEAST_DETAIL and seen.agreeing >= LEAST_AGREEING and seen.structure >= LEAST_STRUCTURE
    is_copy = has_detail and is_same and is_move and is_colored_alike
    is_copy |= is_like and (seen.detail >= LEAST_DETAIL_IF_LIKE or not has_detail)
    if not is_copy and not is_like and not (has_detail and seen.detail >= DOUBTFUL_DETAIL):
        return None
    framed = tuple(name for name, is_framed in zip(pair, seen.is_framed, strict=True) if is_framed)
    similarity = _share(seen.detail if has_detail else seen.structure)
    return ComparedPair(*pair, similarity=similarity, is_copy=is_copy, is_mirrored=seen.is_mirrored, framed=framed)


def _agreements(likely: CandidatePairs, is_like: BoolArray, image_ids: Sequence[str], images: Images) -> Iterator[tuple[int, Agreement]]:
    """Each candidate that fits, and how; pairs like by miniature are judged in any case, as they lie."""
    for top in range(0, len(likely), _CHUNK):
        rows = np.arange(top, min(top + _CHUNK, len(likely)))
        small = _miniatures(np.unique(likely.pairs[rows]), image_ids, images)
        rows = np.array([row for row in rows.tolist() if all(i in small for i in likely.pairs[row].tolist())], np.int64)

        def seen(row: int, small: Mapping[int, RegistrationImage] = small) -> Agreement | None:
            first, second = (small[i] for i in likely.pairs[row].tolist())
            plain, mirrored = likely.bits[row], likely.mirror_bits[row]
            best: Agreement | None = None
            if is_like[row]:
                way = bool(mirrored < plain)
                best = compare_after_move(first.mirrored() if way else first, second, box_move(WHOLE, WHOLE), is_mirrored=way)
            for way, bits in ((False, plain), (True, mirrored)):
                is_worth_it = bits <= max(MOST_BITS, min(plain, mirrored) + _ORIENTATION_BITS)
                if is_worth_it and (best is None or best.detail < ENOUGH_DETAIL):
                    best = better_agreement(best, best_agreement(first, second, is_mirrored=way))
            return best

        yield from ((row, one) for row in rows.tolist() if (one := seen(row)))


def _miniatures(needed: IntArray, image_ids: Sequence[str], images: Images) -> dict[int, RegistrationImage]:
    """Miniatures of the images that are to be had, by row."""
    known = images([image_ids[i] for i in needed])
    rows = [int(i) for i in needed if image_ids[i] in known]
    return dict(zip(rows, side_by_side(lambda i: RegistrationImage.of(known[image_ids[i]]), rows), strict=True))


def _share_one_image(image_ids: Sequence[str], images: Images) -> bool:
    """Whether images drawn at random agree in detail as they lie, as solar cells and X-rays do."""
    if len(image_ids) < SMALLEST_SET:
        return False
    rng = np.random.default_rng(0)
    small = _miniatures(np.sort(rng.choice(len(image_ids), SMALLEST_SET, replace=False)), image_ids, images)
    if len(small) < SMALLEST_SET // 2:
        return False
    drawn = rng.choice(sorted(small), (_RANDOM_PAIRS, 2))
    found = [compare_after_move(small[a], small[b], box_move(WHOLE, WHOLE)) for a, b in drawn.tolist() if a != b]
    return float(np.quantile([one.detail for one in found if one], 0.9)) > COMMON_DETAIL


def _passes(distances: IntArray, cosines: FloatArray, correlations: FloatArray) -> BoolArray:
    is_near = np.zeros(len(distances), bool)
    for rule in (SAME_FILE, SAME_IMAGE, SAME_SCENE):
        is_near |= (distances <= rule["bits"]) & (cosines >= rule["cosine"]) & (correlations >= rule["correlation"])
    return is_near


def _correlations_both_ways(likely: CandidatePairs, image_ids: Sequence[str], signatures: Signatures) -> tuple[FloatArray, FloatArray]:
    """Correlations of the pairs' miniatures, plain and with the second mirrored; -1 where hash or features rule a pair out."""
    both = []
    for bits, is_mirrored in ((likely.bits, False), (likely.mirror_bits, True)):
        correlations = np.full(len(likely), -1.0)
        asked = np.flatnonzero(likely.is_near & _passes(bits, likely.cosines, np.ones(len(likely))))
        correlations[asked] = _correlations(likely.pairs[asked], image_ids, signatures, is_mirrored=is_mirrored)
        both.append(correlations)
    return both[0], both[1]


def _correlations(pairs: IntArray, image_ids: Sequence[str], signatures: Signatures, *, is_mirrored: bool) -> FloatArray:
    """Correlations of the pairs' miniatures, after taking away what all images of the set have in common."""
    if not len(pairs):
        return np.empty(0)
    needed = np.unique(pairs)
    rows = signatures([image_ids[i] for i in needed]).astype(np.float32)
    first, second = rows[np.searchsorted(needed, pairs[:, 0])], rows[np.searchsorted(needed, pairs[:, 1])]
    if is_mirrored:
        second = np.stack([mirrored_signature(row) for row in second])
    common = _common_image(image_ids, signatures)
    return np.asarray(np.einsum("ij,ij->i", unit_rows(first - common), unit_rows(second - common)))


def _common_image(image_ids: Sequence[str], signatures: Signatures) -> FloatArray:
    """The mean miniature of the set (768,): the frame and bars of solar cells, next to nothing for holiday photos.

    Without it any two images of such a set look the same. Sets too small to tell common from copied have none.
    """
    if len(image_ids) < SMALLEST_SET:
        return np.zeros(1, np.float32)
    sample = image_ids[:: max(1, len(image_ids) // SAMPLE)][:SAMPLE]
    return np.asarray(signatures(sample).astype(np.float32).mean(axis=0))
