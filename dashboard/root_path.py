"""The sub-path under which a proxy shows the page: DASHBOARD_ROOT_PATH."""

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class RootPath:
    """Wraps an app, for proxies that pass the sub-path on and for proxies that remove it."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        """Serve the app under `root_path`, such as `/emotions`; empty if the page is at `/`."""
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Implement the ASGI interface: `path` begins with `root_path`."""
        root, app = self._root_path, self._app
        if scope["type"] == "http" and root:
            path = scope["path"]
            if path == root:  # the page's addresses are relative to the slash
                app = RedirectResponse(f"{root}/")
            elif not path.startswith(f"{root}/"):
                path = root + path
            scope = {**scope, "root_path": root, "path": path}
        await app(scope, receive, send)
