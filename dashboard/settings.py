"""The settings of the live page: those of the worker, and where the page listens."""

from worker.setting_fields import setting
from worker.settings import Settings, load


class DashboardSettings(Settings):
    """The worker's settings, which name the same Kafka, Redis and model, and those of the live page alone."""

    dashboard_host: str = setting(
        "127.0.0.1",
        meaning="Address that the live page listens on. The images set `0.0.0.0`.",
        change="To `0.0.0.0` when browsers on other machines open the page. The page has no login.",
    )
    dashboard_port: int = setting(
        8080,
        ge=0,
        le=65_535,
        meaning="Port of the live page. 0 is any free port, which the log names.",
        change="When another program listens on the port.",
    )
    dashboard_allowed_hosts: str = setting(
        "",
        meaning="Host names with a dot under which browsers may open the page, separated by commas. Addresses and "
        "names without a dot are always allowed.",
        change="When browsers open the page under a name such as `emotions.example.com`; else the page answers 421.",
    )
    dashboard_root_path: str = setting(
        "",
        pattern=r"^((/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)?$",
        meaning="Path under which a proxy shows the page, such as `/emotions`, without a slash at its end. The proxy "
        "may remove the path from requests or keep it.",
        change="When the page is not at the root of its host. The proxy must not buffer `/events`.",
    )

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The names in DASHBOARD_ALLOWED_HOSTS, in lower case."""
        names = (name.strip().lower() for name in self.dashboard_allowed_hosts.split(","))
        return frozenset(name for name in names if name)


def load_dashboard_settings() -> DashboardSettings:
    """Return the worker's settings and DASHBOARD_*; see `worker.settings.load`."""
    return load(DashboardSettings)
