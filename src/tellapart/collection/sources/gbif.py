"""GBIF: records of living things by museums, herbaria and observers all over the world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import json_fields
from tellapart.collection.sources.inaturalist import sized
from tellapart.collection.sources.licenses import CREATIVE_COMMONS, address_of, attribution_of, family_of, license_of, usable
from tellapart.collection.sources.protocol import HostLimit, SourceCard, SourceError

ENDPOINT = "https://api.gbif.org/v1/occurrence/search"
PER_PAGE = 300
MOST = 100_000
RECORD_LICENSES = {"cc0": "CC0_1_0", "cc-by": "CC_BY_4_0", "cc-by-nc": "CC_BY_NC_4_0"}
OBSERVED = "HUMAN_OBSERVATION"
RECORDS = ("MACHINE_OBSERVATION", "LIVING_SPECIMEN", "PRESERVED_SPECIMEN", "FOSSIL_SPECIMEN")


class Gbif:
    """Occurrence records with images."""

    name = "gbif"
    card = SourceCard(
        title="GBIF",
        home="https://www.gbif.org",
        terms="https://www.gbif.org/terms",
        licenses="license, creator and holder of each image, in the words of whoever published it; often missing or unclear",
        caveat="keywords are scientific names; images lie on the publishers' servers, of any size and speed; much of it comes from"
        " iNaturalist; pressed plants and pinned insects are a slice of their own, after the photos of living things",
        most_results=MOST,
        limit=HostLimit(concurrency=1, per_minute=60),
        image_hosts={"api.gbif.org": HostLimit(concurrency=1)},
        asks="taxon",
        families=CREATIVE_COMMONS,
    )

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """What people saw; then camera traps, zoos and gardens, collections, fossils."""
        return [{}, *({"basisOfRecord": kind} for kind in RECORDS)]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """One page of records; without a facet those that people saw."""
        params = {
            "mediaType": "StillImage",
            "scientificName": query.keyword,
            "basisOfRecord": OBSERVED,
            **query.facet,
            "limit": str(PER_PAGE),
            "offset": str(json_fields.place_of(cursor, first=0)),
        }
        if len(query.licenses) == 1 and query.licenses[0] in RECORD_LICENSES:
            params["license"] = RECORD_LICENSES[query.licenses[0]]
        return Request(url=ENDPOINT, params=params)

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """The images of one page of records; see :meth:`Source.parse`."""
        document = json_fields.document(body)
        if not isinstance(document.get("results"), list):
            raise SourceError(f"GBIF says: {json_fields.text(document.get('message')) or json_fields.excerpt(body)}")
        records = list(json_fields.objects(document["results"]))
        after = json_fields.place_of(cursor, first=0) + (json_fields.pixels(document.get("limit")) or PER_PAGE)
        is_more = bool(records) and document.get("endOfRecords") is not True and after + PER_PAGE <= MOST
        return ResultPage(
            offers=usable((offer for record in records for offer in _offers(record, query.side)), query.licenses),
            cursor=str(after) if is_more else None,
            total=json_fields.number(document.get("count")),
        )


def _offers(record: Mapping[str, Any], side: int) -> Iterator[Offer]:
    number = json_fields.number(record.get("key"))
    own = f"https://www.gbif.org/occurrence/{number}" if number else ""
    occurrence = json_fields.address(record.get("occurrenceID"))
    names = [json_fields.text(record.get(name)) for name in ("species", "acceptedScientificName", "scientificName")]
    for media in json_fields.objects(record.get("media")):
        kind, form = json_fields.text(media.get("type")), json_fields.text(media.get("format"))
        if kind not in ("StillImage", "") or (form and not form.startswith("image/")):
            continue
        credit = {name: json_fields.plain(media.get(name)) for name in ("creator", "rightsHolder", "title", "publisher")}
        license = license_of(json_fields.plain(media.get("license")))
        creator = credit["creator"] or credit["rightsHolder"] or json_fields.plain(record.get("recordedBy"))
        title = credit["title"] or next(filter(None, names), "")
        yield Offer(
            url=sized(json_fields.address(media.get("identifier")), side),
            page=json_fields.address(media.get("references")) or own,
            license=license,
            license_url=address_of(license) if family_of(license) else "",
            creator=creator,
            title=title,
            attribution=attribution_of(title=title, creator=creator, license=license, via=credit["publisher"] or "GBIF"),
            group=occurrence if "inaturalist.org/observations/" in occurrence else own,
        )
