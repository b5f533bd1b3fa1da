"""The ASGI application of the studio: pages, and beside each the JSON that it shows."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tellapart.dataset.decisions import parse_decisions
from tellapart.errors import DataError, OptionError, StorageError, TellapartError
from tellapart.reports.studio_pages import PAGES, studio_css, studio_module, studio_page
from tellapart.server.access_control import SECURITY_HEADERS, Access, Guard
from tellapart.server.limits import Limits
from tellapart.server.studio.cluster_names import rename_cluster
from tellapart.server.studio.columns import (
    check_view,
    findings_view,
    leaderboard_view,
    map_view,
    predictions_view,
    run_view,
    suggested_view,
)
from tellapart.server.studio.overview import overview_view
from tellapart.server.studio.request_bodies import APPLY, CLUSTER, DECISION, JOB, NOTHING, UNDO, choices_in, number_in, sent, since
from tellapart.server.studio.studio import Studio
from tellapart.server.studio.workspace import STATES, Step, Workspace

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    **SECURITY_HEADERS,
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
BODY_BYTES = 32_000_000
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
OPENING = "/open"
SHOWN_JOBS = 12
KEY_HINT = "open the address that tellapart studio printed when it started; it holds the key"


def studio_access(hosts: frozenset[str], token: str, port: int) -> Access:
    """Who may use the studio: whoever opened it with the token, from its own pages.

    Args:
        hosts: names that it is called by.
        token: what the opened address holds.
        port: that it listens on; cookies do not know ports, so it is in the name of ours.
    """
    return Access(
        hosts,
        token,
        Limits(body_bytes=BODY_BYTES),
        open_paths=(OPENING,),
        cookie=f"tellapart-studio-{port}",
        is_one_origin=True,
        headers=HEADERS,
        key_hint=KEY_HINT,
    )


def make_studio_app(studio: Studio, access: Access) -> Starlette:
    """The application.

    Args:
        studio: what is worked on.
        access: who may ask, see :func:`studio_access`.
    """
    routes = _Routes(studio, access)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        studio.start()
        try:
            yield
        finally:
            studio.close()

    handlers: dict[Any, Any] = {HTTPException: _refused, TellapartError: _not_done, Exception: _failed}
    return Starlette(
        routes=routes.all(),
        middleware=[Middleware(Guard, access=access)],
        exception_handlers=handlers,
        lifespan=lifespan,
    )


class _Routes:
    """A method for each route."""

    def __init__(self, studio: Studio, access: Access) -> None:
        self.studio, self.access = studio, access

    def all(self) -> list[Route]:
        return [
            Route(OPENING, self.open),
            *(Route(page.path, self.page, name=page.name) for page in PAGES),
            Route("/favicon.ico", self.icon),
            Route("/static/{name}", self.static),
            Route("/thumbs/{version}/{number}", self.thumb),
            Route("/images/{version}/{number}", self.image),
            Route("/api/status", self.status),
            Route("/api/index", self.index),
            Route("/api/states", self.states),
            Route("/api/changes", self.changes),
            Route("/api/images/{number}", self.details),
            Route("/api/runs", self.runs),
            Route("/api/leaderboard", self.leaderboard),
            Route("/api/runs/{name}/predictions", self.predictions),
            Route("/api/check", self.check),
            Route("/api/review", self.review),
            Route("/api/map", self.map),
            Route("/api/clusters", self.rename_cluster, methods=["POST"]),
            Route("/api/suggested", self.suggested),
            Route("/api/files", self.files),
            Route("/api/rescan", self.rescan, methods=["POST"]),
            Route("/api/overview", self.overview),
            Route("/api/jobs", self.jobs),
            Route("/api/jobs", self.start_job, methods=["POST"]),
            Route("/api/jobs/{number:int}/stop", self.stop_job, methods=["POST"]),
            Route("/api/decisions", self.decide, methods=["POST"]),
            Route("/api/apply", self.apply, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
        ]

    @property
    def workspace(self) -> Workspace:
        if self.studio.workspace is None:
            raise HTTPException(503, self.studio.loading.error or "the folder is being read", {"Retry-After": "1"})
        return self.studio.workspace

    async def open(self, request: Request) -> Response:
        """Take the token out of the address: it goes into a cookie that scripts cannot read and other pages cannot use."""
        if not hmac.compare_digest(request.query_params.get("token", "").encode(), str(self.access.key).encode()):
            raise HTTPException(401, KEY_HINT)
        answer = HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>tellapart studio</title>')
        answer.set_cookie(str(self.access.cookie), str(self.access.key), httponly=True, samesite="strict", path="/")
        return answer

    async def page(self, request: Request) -> Response:
        return HTMLResponse(studio_page(request.url.path, self.studio.name))

    async def icon(self, request: Request) -> Response:
        return Response(status_code=204)

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "studio.css":
            return Response(studio_css(), media_type="text/css")
        source = studio_module(name)
        if source is None:
            raise HTTPException(404, "there is no such file")
        return Response(source, media_type="text/javascript")

    async def thumb(self, request: Request) -> Response:
        return _picture(await self.studio.served_images.small(number_in(request, self.workspace)))

    async def image(self, request: Request) -> Response:
        return _picture(await self.studio.served_images.large(number_in(request, self.workspace)))

    async def status(self, request: Request) -> Response:
        loading = self.studio.loading
        return JSONResponse(
            {
                "is_ready": self.studio.workspace is not None,
                "title": loading.title,
                "done": loading.done,
                "total": loading.total,
                "error": loading.error,
                "is_checking": loading.is_checking,
            }
        )

    async def index(self, request: Request) -> Response:
        _ = self.workspace
        return Response(await asyncio.to_thread(self.studio.index_json), media_type="application/json")

    async def states(self, request: Request) -> Response:
        return Response(await asyncio.to_thread(self.studio.states_json, self.workspace), media_type="application/json")

    async def changes(self, request: Request) -> Response:
        workspace = self.workspace
        await asyncio.to_thread(workspace.refresh)
        return JSONResponse(_changes(workspace, since(request)))

    async def details(self, request: Request) -> Response:
        workspace = self.workspace
        number = number_in(request, workspace)
        row = workspace.rows[number]
        columns = ("path", "label", "part", "reason", "width", "height", "size_bytes", "user_group")
        return JSONResponse(
            {
                **{name: getattr(row, name) for name in columns},
                "original": workspace.undecided[number].label,
                "state": STATES[int(workspace.states[number])],
                "unsure": bool(workspace.unsure[number]),
                "decisions": workspace.history(number),
                "copies": workspace.files_per_image.get(row.image_id or "", 0) - 1 if row.image_id else 0,
            }
        )

    async def runs(self, request: Request) -> Response:
        _ = self.workspace

        def read() -> dict[str, Any]:
            return {"runs": [run_view(run) for run in self.studio.runs()], "others": self.studio.other_runs()}

        return JSONResponse(await asyncio.to_thread(read))

    async def leaderboard(self, request: Request) -> Response:
        _ = self.workspace

        def read() -> dict[str, Any]:
            return {**leaderboard_view(self.studio.listed_runs()), "others": self.studio.other_runs()}

        return JSONResponse(await asyncio.to_thread(read))

    async def predictions(self, request: Request) -> Response:
        workspace, name = self.workspace, request.path_params["name"]
        return JSONResponse(await asyncio.to_thread(lambda: predictions_view(workspace, self.studio.run(name))))

    async def check(self, request: Request) -> Response:
        workspace = self.workspace
        review = await asyncio.to_thread(self.studio.review)
        return JSONResponse({"issues": None} if review is None else await asyncio.to_thread(check_view, workspace, review))

    async def review(self, request: Request) -> Response:
        workspace = self.workspace
        review = await asyncio.to_thread(self.studio.review)
        return JSONResponse({"view": None if review is None else await asyncio.to_thread(findings_view, workspace, review)})

    async def map(self, request: Request) -> Response:
        workspace = self.workspace
        return JSONResponse(await asyncio.to_thread(map_view, workspace, self.studio.places.explore.expanduser()))

    async def rename_cluster(self, request: Request) -> Response:
        content, workspace = await sent(request, CLUSTER), self.workspace
        folder = self.studio.places.explore.expanduser()
        return JSONResponse({"name": await asyncio.to_thread(rename_cluster, workspace, folder, content["number"], content["name"])})

    async def suggested(self, request: Request) -> Response:
        workspace = self.workspace
        return JSONResponse(await asyncio.to_thread(lambda: suggested_view(workspace, self.studio.suggested())))

    async def files(self, request: Request) -> Response:
        """How many files are new or gone since the folder was read."""
        _ = self.workspace
        return JSONResponse(asdict(await asyncio.to_thread(self.studio.file_changes)))

    async def rescan(self, request: Request) -> Response:
        _, _ = self.workspace, await sent(request, NOTHING)
        self.studio.rescan()
        return await self.status(request)

    async def overview(self, request: Request) -> Response:
        workspace = self.workspace
        return JSONResponse(await asyncio.to_thread(overview_view, self.studio, workspace))

    async def jobs(self, request: Request) -> Response:
        _ = self.workspace

        def read() -> dict[str, Any]:
            return {"jobs": [job.view() for job in self.studio.jobs.all()[:SHOWN_JOBS]], "live": self.studio.live()}

        return JSONResponse(await asyncio.to_thread(read))

    async def start_job(self, request: Request) -> Response:
        _, content = self.workspace, await sent(request, JOB)
        job = await asyncio.to_thread(self.studio.start_job, content["kind"], content.get("options", {}))
        return JSONResponse(job.view())

    async def stop_job(self, request: Request) -> Response:
        _, _ = self.workspace, await sent(request, NOTHING)
        job = await asyncio.to_thread(self.studio.jobs.find, request.path_params["number"])
        await asyncio.to_thread(job.stop)
        return JSONResponse(job.view())

    async def decide(self, request: Request) -> Response:
        content, workspace = await sent(request, DECISION), self.workspace
        choices = choices_in(content, workspace)
        return await self._stepped(lambda: workspace.decide(*choices), content["seq"])

    async def apply(self, request: Request) -> Response:
        """Take over the file that a mailed page has saved; as a trial, say what would change and what contradicts."""
        content, workspace = await sent(request, APPLY), self.workspace
        try:
            given = parse_decisions(content["text"], "the file")
        except StorageError as error:
            raise HTTPException(400, str(error)) from error
        reason = f"from {content['name'][:80]}"
        applicable, step = await asyncio.to_thread(workspace.apply, given, reason=reason, is_trial=content["is_trial"])
        counts = {
            "new": len(applicable.new),
            "unmet": len(applicable.unmet),
            "conflicts": [one.as_dict() for one in applicable.conflicts],
        }
        return JSONResponse({**counts, **asdict(step), **_changes(workspace, content["seq"])})

    async def undo(self, request: Request) -> Response:
        content, workspace = await sent(request, UNDO), self.workspace
        return await self._stepped(lambda: workspace.undo(content.get("batch")), content["seq"])

    async def _stepped(self, work: Callable[[], Step], seq: int) -> Response:
        """Do one step, and answer with it and every change that the page does not know yet."""
        step = await asyncio.to_thread(work)
        return JSONResponse({**asdict(step), **_changes(self.workspace, seq)})


def _changes(workspace: Workspace, seq: int) -> dict[str, Any]:
    return {
        "version": workspace.version,
        "seq": workspace.seq,
        "class_names": list(workspace.class_names),
        "rows": workspace.changes_since(seq),
        "is_shorter": seq > workspace.seq,
    }


def _picture(jpeg: bytes | None) -> Response:
    if jpeg is None:
        raise HTTPException(404, "this file is no image, or not what it was")
    return Response(jpeg, media_type="image/jpeg", headers=FOREVER)


async def _refused(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": str(error.detail)}, error.status_code, dict(error.headers or {}))


async def _not_done(request: Request, error: TellapartError) -> Response:
    status = 400 if isinstance(error, OptionError) else 409 if isinstance(error, DataError) else 500
    return JSONResponse({"error": str(error), "hint": error.hint}, status)


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of ours; it stands in the log, not in the answer."""
    return JSONResponse({"error": "the studio failed; its log says why"}, 500)
