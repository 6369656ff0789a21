"""The client of redis-py for Redis Sentinel, which keeps the error of a Sentinel that cannot be reached."""

import redis
from redis.sentinel import MasterNotFoundError, Sentinel


class Sentinels(Sentinel):
    """Asks the Sentinels for the master of a service."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return host and port of the master.

        Raises MasterNotFoundError, whose cause is the error of a Sentinel that does not answer, if there is one:
        redis-py mentions such errors in a text only.
        """
        try:
            address: tuple[str, int] = super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except MasterNotFoundError as error:
            not_found = error
        else:
            return address
        raise not_found from self._error_of_a_sentinel()

    def _error_of_a_sentinel(self) -> Exception | None:
        for sentinel in self.sentinels:
            try:
                sentinel.sentinel_masters()
            except (redis.ConnectionError, redis.TimeoutError) as error:
                return error
        return None
