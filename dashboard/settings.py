"""The page's settings: the worker's settings, and where the page listens."""

from pydantic import Field

from worker.settings import Settings, load


class DashboardSettings(Settings):
    """The worker's settings for Kafka, Redis and the model, and three settings of the page's own server."""

    dashboard_host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0: reachable from other machines")
    dashboard_port: int = Field(
        8080, ge=0, le=65_535, description="port to listen on; 0: any free port, which the log names"
    )
    dashboard_allowed_hosts: str = Field(
        "", description="names with a dot under which browsers may open the page, separated by commas"
    )

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The names, in lower case."""
        names = (name.strip().lower() for name in self.dashboard_allowed_hosts.split(","))
        return frozenset(name for name in names if name)


def load_dashboard_settings() -> DashboardSettings:
    """Return the settings from the environment and `.env`. Raises SettingsError with one line."""
    return load(DashboardSettings)
