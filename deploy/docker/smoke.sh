#!/usr/bin/env bash
# Smoke test of the images: two workers and the producer on a real Kafka and Redis; one worker is killed under load.
# Passes if no tweet is lost or duplicated, the restarted worker continues with its own partitions, and Redis refuses what
# the user of the programs may not do.
#
#   deploy/docker/smoke.sh              with the images that docker-compose.yml names
#   deploy/docker/smoke.sh --stand-in   without an image registry: images of Debian's Redis and the Kafka of KAFKA_HOME are
#                                       built with debootstrap; starts a Docker engine (as root) if none answers
#
# Environment: TWEETS=2000 RATE=100. Port 9092 must be free. The last line of stdout is one JSON object.
# All containers, networks and volumes of the test are removed at the end; built images are kept.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly tweets=${TWEETS:-2000} rate=${RATE:-100} python=${PYTHON:-python3}
export COMPOSE_PROJECT_NAME=emotion-smoke-$$
work=$(mktemp -d "${TMPDIR:-/tmp}/emotion-smoke.XXXXXX")
files=(-f docker-compose.yml -f deploy/docker/smoke.yml)
started=()

# shellcheck source=deploy/docker/stand_in.sh
source deploy/docker/stand_in.sh

main() {
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    case ${1:-} in
        "") ;;
        --stand-in)
            files+=(-f deploy/docker/stand-in.yml)
            prepare_stand_in
            ;;
        *) fail "$1: the only option is --stand-in" ;;
    esac
    find_compose
    export SECRETS_DIR=$work/secrets
    deploy/docker/make_secrets.sh
    step "building the images"
    compose --profile replay build worker producer >"$work/build.log" 2>&1 || fail_with_log build
    step "starting Kafka, Redis and two workers"
    compose up -d --scale worker=2 kafka redis topics worker >"$work/up.log" 2>&1 || fail_with_log up
    run_test
}

run_test() {
    local workers producer before
    mapfile -t workers < <(compose ps -q worker)
    ((${#workers[@]} == 2)) || fail "there are ${#workers[@]} worker containers, not 2"
    victim=${workers[0]} witness=${workers[1]}
    wait_until 120 "both workers are healthy" healthy "${workers[@]}"
    before=$(judge "$witness" members --workers 2)

    step "replaying $tweets tweets, $rate per second"
    producer=$(compose --profile replay run -d --no-deps producer \
        python -m producer --dataset sample --loop --limit "$tweets" --rate "$rate" | tail -n 1)
    judge "$witness" wait --committed $((tweets / 4))
    step "killing a worker"
    # The only child of process 1, which is the init that forwards signals.
    docker exec "$victim" sh -c 'kill -9 $(cat /proc/1/task/1/children)'
    wait_until 60 "Docker restarts the container of the killed worker" restarted "$victim"
    [[ $(docker wait "$producer") == 0 ]] || fail "the producer: $(docker logs "$producer" 2>&1 | tail -n 1)"
    judge "$witness" wait --committed "$tweets"

    step "comparing input, output and Redis"
    docker exec "$witness" python -m worker verify >&2
    docker exec "$victim" sh -c "$(hardened)" || fail "a container has more rights than docker-compose.yml allows"
    local verdict
    verdict=$(judge "$victim" check --tweets "$tweets" --before "$before")
    check_who_reaches_what
    stop_workers "${workers[@]}"
    report "$verdict"
}

# Prints a script that fails in a container with root, a writable file system, capabilities, a compiler or torch.
hardened() {
    cat <<'CHECKS'
set -eu
[ "$(id -u)" = 10001 ]
grep -q '^CapEff:.0*$' /proc/self/status
grep -q '^CapBnd:.0*$' /proc/self/status
grep -q '^NoNewPrivs:.1$' /proc/self/status
grep -Eq '^[^ ]+ / [^ ]+ ro[, ]' /proc/mounts
for compiler in cc gcc c++ clang; do
    if command -v $compiler; then exit 1; fi
done
python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is not None)'
CHECKS
}

# Redis refuses other commands and other users; a container beside Prometheus reaches the workers, not Kafka or Redis.
check_who_reaches_what() {
    step "checking who reaches what"
    local redis kafka
    redis=$(compose ps -q redis) kafka=$(compose ps -q kafka)
    docker exec "$redis" emotion-redis cli flushall 2>&1 | grep -q NOPERM || fail "the user of the programs may run FLUSHALL"
    docker exec "$redis" redis-cli ping 2>&1 | grep -q NOAUTH || fail "Redis answers without a password"
    local reached
    reached=$(beside_prometheus worker:8000 redis:6379 "$(address "$redis"):6379" kafka:19092 "$(address "$kafka"):19092")
    [[ $reached == worker:8000 ]] || fail "a container beside Prometheus reaches $reached, not worker:8000 only"
}

# address CONTAINER: its IP address in the network of the stream.
address() {
    docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$1" | awk '{print $1}'
}

# beside_prometheus HOST:PORT...: prints those that a container in the network of Prometheus connects to.
beside_prometheus() {
    docker run --rm -i --network "${COMPOSE_PROJECT_NAME}_monitoring" emotion-stream-worker:0.1.0 python - "$@" <<'PROGRAM'
import socket, sys

reached = []
for place in sys.argv[1:]:
    host, port = place.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        continue
    reached.append(place)
print(*reached)
PROGRAM
}

stop_workers() {
    step "stopping the workers"
    compose stop worker >"$work/stop.log" 2>&1 || fail_with_log stop
    local worker
    for worker in "$@"; do
        [[ $(docker inspect -f '{{.State.ExitCode}}' "$worker") == 0 ]] ||
            fail "a worker did not exit with 0 after SIGTERM: $(docker logs "$worker" 2>&1 | tail -n 1)"
    done
}

report() {
    local kafka redis
    kafka=$(docker inspect -f '{{.Config.Image}}' "$(compose ps -q kafka)")
    redis=$(docker inspect -f '{{.Config.Image}}' "$(compose ps -q redis)")
    printf '{"ok": true, "workers": 2, "restarts": %d, "kafka": "%s", "redis": "%s", "worker_image_mb": %d, "seconds": %d, %s\n' \
        "$(docker inspect -f '{{.RestartCount}}' "$victim")" "$kafka" "$redis" \
        "$(($(docker image inspect -f '{{.Size}}' emotion-stream-worker:0.1.0) / 1000000))" "$SECONDS" "${1#\{}"
}

# judge.py runs in a worker's container, which has the Kafka and Redis clients.
judge() {
    local container=$1
    shift
    docker exec -i "$container" python - "$@" <deploy/docker/judge.py || fail "judge.py $1 failed"
}

healthy() {
    local container
    for container in "$@"; do
        [[ $(docker inspect -f '{{.State.Health.Status}}' "$container") == healthy ]] || return 1
    done
}

restarted() {
    [[ $(docker inspect -f '{{.RestartCount}} {{.State.Running}}' "$1") == "1 true" ]]
}

find_compose() {
    if docker compose version >/dev/null 2>&1; then
        compose_program=(docker compose)
    elif command -v docker-compose >/dev/null; then
        compose_program=(docker-compose)
    else
        fail "Docker Compose is missing: install Docker's plugin, or Debian's package docker-compose"
    fi
}

compose() {
    "${compose_program[@]}" "${files[@]}" "$@"
}

# wait_until SECONDS WHAT COMMAND...
wait_until() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "timed out: $what"
        sleep 0.5
    done
}

need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || fail "$program is missing: install $program"
    done
}

step() {
    printf '%4d s  %s\n' "$SECONDS" "$1" >&2
}

fail() {
    printf 'smoke: %s\n' "$1" >&2
    exit 1
}

fail_with_log() {
    tail -n 30 "$work/$1.log" >&2
    fail "the last step failed; its last lines of output are above"
}

clean_up() {
    local code=$? process
    trap - EXIT
    if [[ -n ${compose_program:-} ]]; then
        ((code == 0)) || compose logs --tail 20 >&2 || true
        compose --profile replay down --volumes --remove-orphans --timeout 20 >/dev/null 2>&1 || true
    fi
    for ((process = ${#started[@]} - 1; process >= 0; process--)); do
        kill "${started[process]}" 2>/dev/null || true
        wait "${started[process]}" 2>/dev/null || true
    done
    # The Docker engine that this script started leaves its network namespace mounted.
    [[ ! -e $work/exec/netns/default ]] || umount "$work/exec/netns/default" || true
    rm -rf "$work"
    exit "$code"
}

main "$@"
