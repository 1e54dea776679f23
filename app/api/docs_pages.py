"""The pages `/docs` (Swagger UI) and `/redoc` (Redoc), which load nothing from other servers.

Scripts and styles come from the static files of the package fastapi-offline; its code is not used. The pages contain no
inline script, so that their Content-Security-Policy allows only files of this server. Its exceptions: both tools insert
style elements, Swagger UI has images in data URLs, and Redoc searches in a worker that it creates from a blob.
"""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from app.domain.errors import NotFoundError

router = APIRouter(include_in_schema=False)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_CACHED = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}

# Addresses are relative, so that the pages also work behind a proxy that adds a prefix.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice: {title}</title>
<link rel="icon" type="image/png" href="docs/files/favicon.png">
{style}</head>
<body>
<div id="page"></div>
<script src="docs/files/{library}"></script>
<script src="docs/files/{start}"></script>
</body>
</html>
"""
_DOCS = _PAGE.format(
    title="HTTP API",
    style='<link rel="stylesheet" href="docs/files/swagger-ui.css">\n',
    library="swagger-ui-bundle.js",
    start="start-swagger.js",
)
_REDOC = _PAGE.format(title="HTTP API reference", style="", library="redoc.standalone.js", start="start-redoc.js")

_SCRIPTS = {
    "start-swagger.js": (
        "SwaggerUIBundle({url: 'openapi.json', dom_id: '#page', deepLinking: true, validatorUrl: null,\n"
        "  displayOperationId: true, presets: [SwaggerUIBundle.presets.apis],\n"
        "  layout: 'BaseLayout'});\n"
    ),
    "start-redoc.js": "Redoc.init('openapi.json', {}, document.getElementById('page'));\n",
}
_FILES = {"swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js", "favicon.png"}


@cache
def _find_folder() -> Path:
    """The folder of the package's static files."""
    return Path(str(distribution("fastapi-offline").locate_file("fastapi_offline/static")))


@router.get("/")
async def redirect_to_docs(request: Request) -> RedirectResponse:
    """Lead a browser to the documentation."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs", 307)


@router.get("/docs")
async def show_docs() -> HTMLResponse:
    """The API in Swagger UI, which can also send requests."""
    return HTMLResponse(_DOCS, headers=_HEADERS)


@router.get("/redoc")
async def show_redoc() -> HTMLResponse:
    """The API in Redoc."""
    return HTMLResponse(_REDOC, headers=_HEADERS)


@router.get("/docs/files/{name}")
async def get_file(name: str) -> Response:
    """A file of the pages.

    Raises:
        NotFoundError: it is none of theirs.
    """
    if name in _SCRIPTS:
        return Response(_SCRIPTS[name], media_type="text/javascript", headers=_CACHED)
    if name not in _FILES:
        raise NotFoundError(f"The documentation has no file {name}.")
    return FileResponse(_find_folder() / name, headers=_CACHED)
