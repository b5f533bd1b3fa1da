"""Near-duplicates: the same photo saved again, resized, cropped, rotated a little, framed, captioned or mirrored.

Hashes and features propose candidates; a pair is accepted if both images agree in detail after registration
(:mod:`tellapart.curation.registration`), because a hash alone merges different objects on one plain background. Where there is
too little detail, features and a 16 x 16 signature must agree. The thresholds were set on the pairs listed in docs/log.md
(2026-11-21). In sets whose images share a common image (solar cells, X-rays), any two agree in detail: there only the
signatures count, minus their mean.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tellapart.array_types import BoolArray, ByteArray, FloatArray, IntArray
from tellapart.atomic_files import read_sealed, write_sealed
from tellapart.cache_dir import cache_root
from tellapart.concurrency import one_opencv_thread, parallel_map
from tellapart.curation.duplicate_candidates import MOST_BITS, CandidatePairs, candidate_pairs
from tellapart.curation.registration import ENOUGH_DETAIL, Agreement, best_agreement, better_agreement, box_move, compare_after_move
from tellapart.curation.registration_images import WHOLE, RegistrationImage
from tellapart.errors import StorageError
from tellapart.features import FeatureMatrix
from tellapart.features.matrix import unit_rows
from tellapart.images.perceptual_hash import mirrored_signature
from tellapart.progress import SILENT, Progress

VERSION = 3
"""Of the code that decides which pairs are copies: here, in ``registration``, ``duplicate_candidates`` and ``registration_images``,
and of how hashes and thumbnails are made. Increase it whenever the result changes, so that cached pairs are computed again (a test of
the output for fixed images reminds of it)."""
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
"""Different photos agree in detail by 0.00 +- 0.05; nine of ten pairs of solar cells by less than 0.74."""
SMALLEST_SET, SAMPLE = 64, 256
_CHUNK, _RANDOM_PAIRS, _ORIENTATION_BITS = 512, 120, 12

Signatures = Callable[[Sequence[str]], FloatArray]
Images = Callable[[Sequence[str]], Mapping[str, ByteArray]]
"""Small images, uint8 (h, w, 3), by image id; images that are not available are left out."""


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """Two images that show the same photo, or are just below the threshold.

    Attributes:
        first, second: image ids.
        similarity: agreement where they overlap, 0 to 1.
        is_copy: whether it is the same photo; otherwise the pair is to be checked by a person.
        is_mirrored: whether one is the mirror image of the other.
        framed: ids of those of the two with a frame or caption bar that the other does not have.
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


def compare_pairs(
    hashes: ByteArray,
    mirror_hashes: ByteArray,
    features: FeatureMatrix,
    signatures: Signatures,
    images: Images | None = None,
    *,
    is_asked: BoolArray | None = None,
    progress: Progress = SILENT,
) -> list[ComparedPair]:
    """Find the pairs of images that show the same photo, and those just below the threshold.

    Args:
        hashes: uint8 (n, 16), in the order of ``features.image_ids``.
        mirror_hashes: uint8 (n, 16), of the mirror images.
        features: of any backbone, float32 (n, d), d may be 0; they are standardized here.
        signatures: returns the signatures, float (m, 768), of m images; called for candidates only.
        images: returns small images, 128 pixels on the longer side; called for candidates only. Without it crops, frames and
            captions are mostly missed, and no pair is below the threshold.
        is_asked: bool (n,); pairs of two images outside the mask are left out.
        progress: receives every candidate compared.
    """
    if len(features) < 3:
        return []
    with progress.stage("searching for near-duplicates", unit="pairs"):
        candidates = candidate_pairs(hashes, mirror_hashes, features.values)
    if is_asked is not None:
        candidates = candidates.where(np.asarray(is_asked[candidates.pairs].any(axis=1)))
    correlations = _correlations_both_ways(candidates, features.image_ids, signatures)
    is_similar, is_similar_mirrored = (
        _passes(bits, candidates.cosines, correlation)
        for bits, correlation in zip((candidates.bits, candidates.mirror_bits), correlations, strict=True)
    )
    best = np.maximum(*correlations)
    if images is None or _share_one_image(features.image_ids, images):
        compared = [
            ComparedPair(*_ids(candidates, row, features), similarity=_clip(best[row]), is_mirrored=bool(~is_similar[row]))
            for row in np.flatnonzero(is_similar | is_similar_mirrored).tolist()
        ]
    else:
        is_similar |= is_similar_mirrored
        with one_opencv_thread(), progress.stage("comparing near-duplicates", total=len(candidates), unit="pairs") as advance:
            compared = _registered_pairs(candidates, is_similar, features, images, advance)
    return sorted(compared, key=lambda one: one.pair)


def _ids(candidates: CandidatePairs, row: int, features: FeatureMatrix) -> tuple[str, str]:
    first, second = candidates.pairs[row]
    return features.image_ids[first], features.image_ids[second]


def _clip(value: float) -> float:
    return round(max(0.0, min(1.0, float(value))), 4)


def _compared_pair(pair: tuple[str, str], agreement: Agreement, *, is_similar: bool) -> ComparedPair | None:
    """The pair for an agreement; None if the images are different."""
    is_move = (agreement.stretch <= MOST_STRETCH and abs(agreement.turn) <= MOST_TURN) or agreement.shift <= SAME_PLACE
    is_colored_alike = agreement.color >= LEAST_COLOR or agreement.detail >= RECOLORED_DETAIL
    has_detail = agreement.detailed_blocks >= FEWEST_BLOCKS
    is_same = agreement.detail >= LEAST_DETAIL and agreement.agreeing >= LEAST_AGREEING and agreement.structure >= LEAST_STRUCTURE
    is_copy = has_detail and is_same and is_move and is_colored_alike
    is_copy |= is_similar and (agreement.detail >= LEAST_DETAIL_IF_LIKE or not has_detail)
    if not is_copy and not is_similar and not (has_detail and agreement.detail >= DOUBTFUL_DETAIL):
        return None
    framed = tuple(name for name, is_framed in zip(pair, agreement.is_framed, strict=True) if is_framed)
    similarity = _clip(agreement.detail if has_detail else agreement.structure)
    return ComparedPair(*pair, similarity=similarity, is_copy=is_copy, is_mirrored=agreement.is_mirrored, framed=framed)


def _registered_pairs(
    candidates: CandidatePairs, is_similar: BoolArray, features: FeatureMatrix, images: Images, advance: Callable[[int], None]
) -> list[ComparedPair]:
    """The pairs that agree after registration, or nearly.

    Candidates are compared in chunks, so that an image is decoded once or twice, and within a chunk the likeliest first. Of
    images that a chain of copies already joins, no two are registered: they are copies of one photo.
    """
    compared: list[ComparedPair] = []
    joined, small = JoinedImages(), dict[int, RegistrationImage]()
    likeliest = np.minimum(candidates.bits, candidates.mirror_bits) / 128 - candidates.cosines
    for top in range(0, len(candidates), _CHUNK):
        chunk = np.arange(top, min(top + _CHUNK, len(candidates)))
        small = _miniatures(np.unique(candidates.pairs[chunk]), features.image_ids, images, small)
        for row in chunk[np.argsort(likeliest[chunk], kind="stable")].tolist():
            first, second = candidates.pairs[row].tolist()
            if joined.are_joined(first, second):
                is_mirrored = bool(candidates.mirror_bits[row] < candidates.bits[row])
                similarity = joined.similarity(first)
                compared.append(ComparedPair(*_ids(candidates, row, features), similarity=similarity, is_mirrored=is_mirrored))
            elif first in small and second in small:
                agreement = _agreement(candidates, row, small, is_similar=bool(is_similar[row]))
                one = agreement and _compared_pair(_ids(candidates, row, features), agreement, is_similar=bool(is_similar[row]))
                if one:
                    compared.append(one)
                    if one.is_copy:
                        joined.join(first, second, one.similarity)
        advance(len(chunk))
    return compared


def _agreement(candidates: CandidatePairs, row: int, small: Mapping[int, RegistrationImage], *, is_similar: bool) -> Agreement | None:
    """The best agreement of a candidate, plain or mirrored; a pair with similar signatures is always compared as it lies, too."""
    first, second = (small[i] for i in candidates.pairs[row].tolist())
    plain, mirrored = int(candidates.bits[row]), int(candidates.mirror_bits[row])
    best: Agreement | None = None
    if is_similar:
        is_mirrored = mirrored < plain
        best = compare_after_move(first.mirrored() if is_mirrored else first, second, box_move(WHOLE, WHOLE), is_mirrored=is_mirrored)
    for is_mirrored, bits in sorted(((False, plain), (True, mirrored)), key=lambda one: one[1]):
        is_worth_it = bits <= max(MOST_BITS, min(plain, mirrored) + _ORIENTATION_BITS)
        if is_worth_it and (best is None or best.detail < ENOUGH_DETAIL):
            best = better_agreement(best, best_agreement(first, second, is_mirrored=is_mirrored))
    return best


class JoinedImages:
    """Images connected by chains of copies, and the similarity of the least similar pair of each chain."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}
        self._similarity: dict[int, float] = {}

    def join(self, first: int, second: int, similarity: float) -> None:
        """Record that two images are copies."""
        one, other = self._root(first), self._root(second)
        self._parent[max(one, other)] = min(one, other)
        least = min(similarity, self._similarity.get(one, 1.0), self._similarity.get(other, 1.0))
        self._similarity[min(one, other)] = least

    def are_joined(self, first: int, second: int) -> bool:
        """Whether a chain of copies joins two images."""
        return self._root(first) == self._root(second)

    def similarity(self, image: int) -> float:
        """Of the least similar pair that was joined among the copies of an image."""
        return self._similarity.get(self._root(image), 1.0)

    def _root(self, image: int) -> int:
        while (parent := self._parent.get(image, image)) != image:
            self._parent[image] = self._parent.get(parent, parent)
            image = parent
        return image


def _miniatures(
    needed: IntArray, image_ids: Sequence[str], images: Images, made: Mapping[int, RegistrationImage] | None = None
) -> dict[int, RegistrationImage]:
    """Registration images by row, of the images that are available; those already ``made`` are not made again."""
    made = made or {}
    missing = [i for i in needed.tolist() if i not in made]
    known = images([image_ids[i] for i in missing])
    rows = [i for i in missing if image_ids[i] in known]
    new = dict(zip(rows, parallel_map(lambda i: RegistrationImage.of(known[image_ids[i]]), rows), strict=True))
    return {i: one for i in needed.tolist() if (one := new.get(i) or made.get(i))}


def _share_one_image(image_ids: Sequence[str], images: Images) -> bool:
    """Whether random pairs agree in detail without registration, like solar cells and X-rays."""
    if len(image_ids) < SMALLEST_SET:
        return False
    rng = np.random.default_rng(0)
    small = _miniatures(np.sort(rng.choice(len(image_ids), SMALLEST_SET, replace=False)), image_ids, images)
    if len(small) < SMALLEST_SET // 2:
        return False
    drawn = rng.choice(sorted(small), (_RANDOM_PAIRS, 2))
    agreements = [compare_after_move(small[a], small[b], box_move(WHOLE, WHOLE)) for a, b in drawn.tolist() if a != b]
    return float(np.quantile([one.detail for one in agreements if one], 0.9)) > COMMON_DETAIL


def _passes(distances: IntArray, cosines: FloatArray, correlations: FloatArray) -> BoolArray:
    is_near = np.zeros(len(distances), bool)
    for rule in (SAME_FILE, SAME_IMAGE, SAME_SCENE):
        is_near |= (distances <= rule["bits"]) & (cosines >= rule["cosine"]) & (correlations >= rule["correlation"])
    return is_near


def _correlations_both_ways(candidates: CandidatePairs, image_ids: Sequence[str], signatures: Signatures) -> tuple[FloatArray, FloatArray]:
    """Correlations of the pairs' signatures, plain and with the second mirrored, float (m,) each; -1 if hash or features exclude it."""
    both = []
    for bits, is_mirrored in ((candidates.bits, False), (candidates.mirror_bits, True)):
        correlations = np.full(len(candidates), -1.0)
        passing = np.flatnonzero(candidates.is_near & _passes(bits, candidates.cosines, np.ones(len(candidates))))
        correlations[passing] = _correlations(candidates.pairs[passing], image_ids, signatures, is_mirrored=is_mirrored)
        both.append(correlations)
    return both[0], both[1]


def _correlations(pairs: IntArray, image_ids: Sequence[str], signatures: Signatures, *, is_mirrored: bool) -> FloatArray:
    """Correlations, float (m,), of the pairs' signatures after subtracting the mean signature of the set."""
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
    """The mean signature of the set, float32 (768,): the frame and bars of solar cells, almost nothing for holiday photos.

    Without subtracting it, any two images of such a set look the same. It is zero for sets too small to estimate it.
    """
    if len(image_ids) < SMALLEST_SET:
        return np.zeros(1, np.float32)
    sample = image_ids[:: max(1, len(image_ids) // SAMPLE)][:SAMPLE]
    return np.asarray(signatures(sample).astype(np.float32).mean(axis=0))


logger = logging.getLogger(__name__)

FOLDER = "near-duplicates"


def cached_pairs(features: FeatureMatrix, find: Callable[[], list[ComparedPair]]) -> list[ComparedPair]:
    """The compared pairs of these images from the cache, else from ``find``.

    The file name contains a digest of everything they depend on: the images, their features and the ``VERSION`` of the code.
    A damaged file is replaced; an error while writing the file is logged and ignored.
    """
    file = cache_root() / FOLDER / f"{_name(features)}.json"
    cached = _read(file)
    if cached is not None:
        return cached
    pairs = find()
    try:
        write_sealed(file, [asdict(pair) for pair in pairs])
    except StorageError as error:
        logger.warning("the compared pairs are not cached: %s", error)
    return pairs


def _read(file: Path) -> list[ComparedPair] | None:
    try:
        return [ComparedPair(**{**one, "framed": tuple(one["framed"])}) for one in read_sealed(file)]
    except (TypeError, KeyError):
        return None


def _name(features: FeatureMatrix) -> str:
    """A digest of the images in their order, of their features, and of the version of the code."""
    digest = hashlib.sha256("\n".join([str(VERSION), *features.image_ids]).encode())
    digest.update(repr((features.values.shape, str(features.values.dtype))).encode())
    digest.update(np.ascontiguousarray(features.values).data)
    return digest.hexdigest()[:32]
