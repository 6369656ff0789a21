"""The page's settings: the worker's, and where the page listens."""

from pydantic import Field

from worker.settings import Settings, load


class DashboardSettings(Settings):
    """The worker's settings name the same Kafka, Redis and model; these three are the page's own."""

    dashboard_host: str = Field("127.0.0.1", description="0.0.0.0 to be seen from other machines")
    dashboard_port: int = Field(8080, ge=0, le=65_535, description="0 = any free port, written to the log")
    dashboard_allowed_hosts: str = Field(
        "", description="names with a dot under which the page may be asked for, separated by commas"
    )

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The names, in lower case."""
        names = (name.strip().lower() for name in self.dashboard_allowed_hosts.split(","))
        return frozenset(name for name in names if name)


def load_dashboard_settings() -> DashboardSettings:
    """Reads what the worker reads, and DASHBOARD_*. Raises SettingsError with one line."""
    return load(DashboardSettings)
