"""From the name of a kind to what the fault does."""

from collections.abc import Callable
from typing import Final

from chaos.errors import ChaosError
from chaos.faults import brokers, records, redis, workers
from chaos.faults.surroundings import NotHealedError, NotInjectedError, Surroundings
from chaos.kinds import KINDS
from chaos.schedule import Fault

_MODULES: Final = (workers, brokers, redis, records)

INJECTIONS: Final[dict[str, Callable[[Surroundings, Fault], None]]] = {
    kind: next(getattr(module, kind) for module in _MODULES if hasattr(module, kind)) for kind in KINDS
}


def inject(around: Surroundings, fault: Fault) -> None:
    """Inject the fault, hold it and heal it.

    Raises NotInjectedError if the fault was not possible, and ChaosError if the brokers do not recover or the
    fault cannot be ended.
    """
    of_a_broker = KINDS[fault.kind].lane == "broker"
    if of_a_broker:
        brokers.wait_in_sync(around)
    try:
        INJECTIONS[fault.kind](around, fault)
    except NotHealedError:
        raise
    except ChaosError as error:
        raise NotInjectedError(str(error)) from None
    finally:
        if of_a_broker:
            brokers.wait_in_sync(around)
