"""Three Kafka brokers that can be killed, frozen and cut off."""

import base64
import shutil
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from chaos.errors import ChaosError
from chaos.servers.broker import Broker
from chaos.servers.broker_settings import LISTENERS, REPLICAS, properties
from chaos.servers.children import start_child
from chaos.servers.cluster_view import ClusterView
from chaos.servers.ports import server_ports
from chaos.servers.proxy import Proxies
from chaos.servers.waiting import became_true, wait_until
from chaos.stream_names import StreamNames
from deploy.local.children import Child
from deploy.local.ports import LOOPBACK

_START_S: Final = 120.0
"""Three JVMs start at the same time, perhaps on two processors."""

_STOP_S: Final = 15.0


class KafkaCluster:
    """Three nodes that are broker and controller each; all partitions have three replicas.

    Clients under test use `bootstrap`, whose addresses are proxies; feeder and verifier use `direct`. A folder of an
    earlier cluster is started with its records, on other ports.
    """

    def __init__(self, kafka_home: Path, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._java = ["java", "-Xms256m", "-Xmx640m", "-XX:TieredStopAtLevel=1", "-cp", f"{kafka_home}/libs/*"]
        self._opened = ExitStack()
        self._view: ClusterView | None = None
        self.brokers: list[Broker] = []

    @property
    def bootstrap(self) -> str:
        """The addresses for clients under test."""
        return ",".join(f"{LOOPBACK}:{broker.proxies['CLIENTS'].port}" for broker in self.brokers)

    @property
    def direct(self) -> str:
        """The addresses for feeder, verifier and administration, without proxies."""
        return ",".join(f"{LOOPBACK}:{broker.ports['DIRECT']}" for broker in self.brokers)

    @property
    def view(self) -> ClusterView:
        """What the brokers report."""
        if self._view is None:
            raise ChaosError("the Kafka cluster was not started")
        return self._view

    def start(self) -> None:
        """Start all brokers; return when all of them answer."""
        proxies = self._opened.enter_context(Proxies(self.folder / "proxies.log"))
        self.brokers = self._planned(proxies)
        self._write_properties()
        self._format()
        for broker in self.brokers:
            broker.restart()
        self._view = ClusterView(self.direct)
        wait_until(self._all_answer, _START_S, f"three Kafka brokers answer (logs: {self.folder})")

    def stop(self) -> None:
        """Stop all brokers with SIGTERM, and those that do not end soon with SIGKILL; keep the folder."""
        if self._view is not None:
            self._view.close()
        for broker in self.brokers:
            broker.terminate()
        became_true(lambda: not any(broker.running for broker in self.brokers), _STOP_S)
        for broker in self.brokers:
            if broker.running:
                broker.kill()
        self._opened.close()

    def create_topics(self, names: StreamNames) -> None:
        """Create those of the four topics that do not exist, with three replicas."""
        self.view.create_topics(names)

    def in_sync(self) -> bool:
        """Return whether every partition, of internal topics too, has a leader and three in-sync replicas."""
        return all(broker.listening for broker in self.brokers) and self.view.in_sync()

    def coordinator_of_transaction(self, transactional_id: str) -> int:
        """Return the index of the broker that coordinates this id's transactions. Raise ChaosError if there is none."""
        return self.view.coordinator_of_transaction(transactional_id)

    def cut_off_client(self, pid: int) -> None:
        """Lose every packet between all brokers and the client under test that is this process."""
        for broker in self.brokers:
            broker.proxies["CLIENTS"].cut([pid])

    def reconnect_clients(self) -> None:
        """Undo `cut_off_client`."""
        for broker in self.brokers:
            broker.proxies["CLIENTS"].restore()

    def _planned(self, proxies: Proxies) -> list[Broker]:
        numbers = iter(server_ports(REPLICAS * len(LISTENERS)))
        brokers = []
        for index in range(REPLICAS):
            ports = {listener: next(numbers) for listener in LISTENERS}
            before = {name: proxies.open(port) for name, port in ports.items() if name != "DIRECT"}
            brokers.append(Broker(index, self._java, self.folder, ports, before))
        for broker in brokers:
            broker.others = [other for other in brokers if other is not broker]
        return brokers

    def _write_properties(self) -> None:
        voters = {broker.node: broker.proxies["CONTROLLER"].port for broker in self.brokers}
        for broker in self.brokers:
            advertised = {**broker.ports, **{name: proxy.port for name, proxy in broker.proxies.items()}}
            text = properties(broker.node, ports=broker.ports, advertised=advertised, voters=voters, data=broker.data)
            broker.properties.write_text(text, encoding="utf-8")

    def _format(self) -> None:
        """Prepare the folders of new brokers; a file that is written last says that this was done."""
        formatted = self.folder / "cluster.id"
        if formatted.exists():
            return
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        for broker in self.brokers:
            shutil.rmtree(broker.data, ignore_errors=True)
        started = [self._formatting(broker, cluster_id) for broker in self.brokers]
        wait_until(lambda: all(child.exit_code is not None for child in started), _START_S, "folders are formatted")
        for child in started:
            if child.exit_code != 0:
                raise ChaosError(f"{child.name} failed: its output is in {child.log}")
        formatted.write_text(cluster_id, encoding="ascii")

    def _formatting(self, broker: Broker, cluster_id: str) -> Child:
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(broker.properties)]
        name = f"format-{broker.node}"
        return start_child(name, [*self._java, *tool], log=self.folder / f"{name}.log", stop_s=0)

    def _all_answer(self) -> bool:
        for broker in self.brokers:
            broker.check()
        return all(broker.listening for broker in self.brokers) and len(self.view.brokers()) == REPLICAS
