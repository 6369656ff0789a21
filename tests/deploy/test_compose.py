"""docker-compose.yml: containers without rights, pinned images, start order, and settings that exist."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]
from compose_pydantic import ComposeSpecification  # type: ignore[import-untyped]

from dashboard.settings import DashboardSettings
from tests.installed import installed
from worker.settings import Settings

ROOT: Final = Path(__file__).parents[2]
FILES: Final = ("docker-compose.yml", "docker-compose.gpu.yml", "deploy/docker/stand-in.yml", "deploy/docker/smoke.yml")
PROGRAMS: Final = ("topics", "worker", "producer", "dashboard")
VARIABLE: Final = re.compile(r"(?<!\$)\$\{([A-Z_]+)")


def content(name: str) -> dict[str, Any]:
    """Return a parsed Compose file without the `x-` fragments that only define anchors."""
    parsed = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return {key: value for key, value in parsed.items() if not key.startswith("x-")}


COMPOSE: Final = content("docker-compose.yml")
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]

each_service = pytest.mark.parametrize("name", SERVICES)
each_program = pytest.mark.parametrize("name", PROGRAMS)


def seconds(duration: str) -> int:
    """Return a duration of the file, such as 20s, in seconds."""
    assert duration.endswith("s")
    return int(duration[:-1])


@pytest.mark.parametrize("name", FILES)
def test_the_file_follows_the_compose_specification(name: str) -> None:
    ComposeSpecification.model_validate(content(name))


def test_a_misspelt_key_violates_the_compose_specification() -> None:
    wrong = content("docker-compose.yml")
    wrong["services"]["worker"]["mem_limt"] = "1g"
    with pytest.raises(ValueError, match="mem_limt"):
        ComposeSpecification.model_validate(wrong)


@each_service
def test_a_container_has_a_read_only_root_and_cannot_gain_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "pid", "ipc", "network_mode"} & set(service)


@each_service
def test_a_container_has_limits_a_health_check_and_a_restart_policy(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    ends_by_itself = name in {"topics", "producer"}
    assert service["restart"] == ("no" if ends_by_itself else "unless-stopped")
    assert ("disable" if ends_by_itself else "test") in service["healthcheck"]


@each_service
def test_an_image_is_pinned_to_a_full_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(-alpine)?", SERVICES[name]["image"])


@each_program
def test_programs_of_this_project_run_without_root_and_receive_signals(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["init"] is True


@each_service
def test_ports_are_published_on_the_loopback_address_only(name: str) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in SERVICES[name].get("ports", []))


def test_the_published_ports_are_those_of_kafka_and_the_pages() -> None:
    published = {port.split(":")[1]: name for name, service in SERVICES.items() for port in service.get("ports", [])}
    assert published == {"9092": "kafka", "8080": "dashboard", "9090": "prometheus", "3000": "grafana"}


def test_the_worker_can_be_scaled_to_twelve_replicas() -> None:
    worker = SERVICES["worker"]
    assert not {"container_name", "ports", "hostname", "scale"} & set(worker)
    assert "12" in SERVICES["topics"]["command"]


def test_a_workers_id_is_its_host_name_and_sigterm_reaches_it() -> None:
    shell, option, script, _ = SERVICES["worker"]["entrypoint"]
    command = ["hostname", "-c", 'echo "$WORKER_ID" $PPID "$@"']
    assert (shell, option) == ("/bin/sh", "-c")
    printed = subprocess.run(
        [shell, option, script.replace("$$", "$"), "worker", "/bin/sh", *command[1:], "sh", "an argument"],
        capture_output=True,
        text=True,
        check=True,
    )
    name, parent, *arguments = printed.stdout.split()
    assert name == subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout.strip()
    assert int(parent) == os.getpid(), "the shell is still there between the test and the command"
    assert arguments == ["an", "argument"]
    assert ' exec "$$@"' in script
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > 10


def test_services_start_after_the_services_that_they_need_are_healthy() -> None:
    waits = {
        name: {needed: how["condition"] for needed, how in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    topics = {"topics": "service_completed_successfully"}
    assert waits["topics"] == {"kafka": "service_healthy"}
    assert waits["producer"] == topics
    assert waits["worker"] == waits["dashboard"] == topics | {"redis": "service_healthy"}
    assert waits["grafana"] == {"prometheus": "service_healthy"}


def test_the_stream_does_not_depend_on_monitoring() -> None:
    for name in ("kafka", "redis", "topics", "worker", "producer"):
        assert not {"prometheus", "grafana", "dashboard"} & set(SERVICES[name].get("depends_on", {}))


def test_only_the_replay_needs_a_profile() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "producer": ["replay"]
    }


@each_program
@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.gpu.yml"])
def test_every_setting_in_the_file_is_a_setting_of_its_program(file: str, name: str) -> None:
    known = DashboardSettings if name == "dashboard" else Settings
    given = content(file)["services"].get(name, {}).get("environment", {})
    assert {setting.lower() for setting in given} <= set(known.model_fields)


def test_the_programs_accept_the_values_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "redis_url"
    secret.write_text("redis://emotion:secret@redis:6379/0\n", encoding="utf-8")
    for name, kind in [("worker", Settings), ("producer", Settings), ("dashboard", DashboardSettings)]:
        for setting, value in SERVICES[name]["environment"].items():
            monkeypatch.setenv(setting, default(str(value)).replace("/run/secrets/redis_url", str(secret)))
        kind()


def test_prometheus_and_grafana_share_a_network_with_the_workers_only() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert set(COMPOSE["networks"]) == set().union(*networks.values())
    for name in ("prometheus", "grafana"):
        reached = {other for other in networks if networks[name] & networks[other]}
        assert reached == {"prometheus", "grafana", "worker"}


def test_only_redis_and_the_programs_that_use_it_have_its_secret() -> None:
    assert {name for name in SERVICES if "redis_url" in SERVICES[name].get("secrets", [])} == {
        "redis",
        "worker",
        "dashboard",
    }
    for name in ("worker", "dashboard"):
        assert SERVICES[name]["environment"]["REDIS_URL_FILE"] == "/run/secrets/redis_url"
    assert not any("REDIS_URL" in service.get("environment", {}) for service in SERVICES.values())


def test_redis_starts_and_is_checked_as_the_user_of_the_secret() -> None:
    service = SERVICES["redis"]
    assert service["command"][:2] == ["emotion-redis", "server"]
    assert service["healthcheck"]["test"][1].startswith("emotion-redis cli ping ")
    (script,) = [volume for volume in service["volumes"] if volume.startswith("./deploy/docker/redis.sh:")]
    assert script.split(":")[1] == "/usr/local/bin/emotion-redis"
    assert os.access(ROOT / "deploy/docker/redis.sh", os.X_OK)


@each_service
def test_a_tmpfs_has_a_size_limit_within_the_memory_of_its_container(name: str) -> None:
    sizes = [re.findall(r"[:,]size=(\d+)m\b", mount) for mount in SERVICES[name].get("tmpfs", [])]
    assert all(len(size) == 1 for size in sizes)
    memory = SERVICES[name]["mem_limit"]
    megabytes = int(memory[:-1]) * {"m": 1, "g": 1024}[memory[-1]]
    assert sum(int(size) for (size,) in sizes) <= megabytes / 2


def default(value: str) -> str:
    """Return a value of the file with the defaults of its variables."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)


@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.gpu.yml"])
def test_the_env_example_lists_every_variable_with_its_default(file: str) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = set(re.findall(r"^#?([A-Z_]+)=", example, flags=re.MULTILINE))
    assert set(VARIABLE.findall((ROOT / file).read_text(encoding="utf-8"))) <= listed
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for setting, value in re.findall(r"^#?([A-Z_]+)=(.*)$", example, flags=re.MULTILINE):
        assert f"${{{setting}:-{value}}}" in text


@each_service
def test_every_mounted_file_or_volume_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, _, options = volume.partition(":")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert options.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


def test_every_service_with_data_has_a_volume() -> None:
    used = {volume.partition(":")[0]: name for name in SERVICES for volume in SERVICES[name].get("volumes", [])}
    assert {used[volume] for volume in COMPOSE["volumes"]} == {"kafka", "redis", "prometheus", "grafana"}


def test_prometheus_and_grafana_are_configured_with_the_names_and_paths_of_the_file() -> None:
    scraped = content("deploy/prometheus/prometheus.yml")["scrape_configs"][0]["dns_sd_configs"][0]
    assert scraped["names"] == ["worker"]
    assert SERVICES["worker"]["environment"]["METRICS_PORT"] == scraped["port"]
    assert SERVICES["worker"]["expose"] == [str(scraped["port"])]
    (source,) = content("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (folder,) = content("deploy/grafana/provisioning/dashboards/emotion-stream.yml")["providers"]
    mounts = {volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES["grafana"]["volumes"]}
    assert mounts[folder["options"]["path"]] == "./deploy/grafana/dashboards"


@each_program
def test_an_image_is_a_target_of_the_dockerfile_with_a_configurable_base_image(name: str) -> None:
    build = SERVICES[name]["build"]
    dockerfile = (ROOT / build["dockerfile"]).read_text(encoding="utf-8")
    assert f" AS {build['target']}\n" in dockerfile
    assert set(build["args"]) <= set(re.findall(r"^ARG ([A-Z_]+)", dockerfile, flags=re.MULTILINE))
    base = default(build["args"]["BASE_IMAGE"])
    assert f"ARG BASE_IMAGE={base}\n" in dockerfile
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)


def test_every_image_runs_without_root_and_installs_nothing_in_the_runtime_stage() -> None:
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
    _, runtime = dockerfile.split(" AS runtime\n")
    assert re.findall(r"^USER (.+)$", runtime, flags=re.MULTILINE) == ["10001:10001"]
    assert "RUN" not in runtime, "install in the build stage, which is not part of the images"


def test_the_build_context_has_the_packages_of_the_programs_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignored[0] == "*"
    sent = {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in sent)
    packages = {"tweets", "worker", "producer", "dashboard"}
    assert sent == packages | {"deploy/docker/requirements", "pyproject.toml", "README.md", "LICENSE"}


def test_the_gpu_file_changes_only_the_worker() -> None:
    (name, worker), *others = content("docker-compose.gpu.yml")["services"].items()
    assert (name, others) == ("worker", [])
    assert worker["image"] != SERVICES["worker"]["image"]
    assert worker["environment"]["DEVICE"] == "cuda"
    assert worker["build"]["args"] == {"EXTRAS": "gpu"}
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


@pytest.mark.parametrize("arguments", [["--help"], ["--stand-out"]])
def test_the_smoke_test_names_an_unknown_option(arguments: list[str]) -> None:
    ended = subprocess.run([ROOT / "deploy/docker/smoke.sh", *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"smoke: {arguments[0]}: the only option is --stand-in\n"


def test_shellcheck_finds_no_problem_in_the_scripts() -> None:
    scripts = sorted((ROOT / "deploy/docker").glob("*.sh"))
    shellcheck = installed("shellcheck", package="shellcheck")
    checked = subprocess.run([shellcheck, "-x", *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.stdout == ""
    assert checked.returncode == 0
