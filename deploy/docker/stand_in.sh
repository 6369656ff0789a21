# shellcheck shell=bash
# shellcheck disable=SC2154 # smoke.sh, which sources this file, sets work (a folder), python and started (processes to end)
# Functions of smoke.sh --stand-in: images and wheels made on this machine instead of downloaded from a registry.

readonly stand_in=emotion-stand-in

prepare_stand_in() {
    need debootstrap docker "$python"
    [[ -d ${KAFKA_HOME:-}/libs ]] || fail "KAFKA_HOME=${KAFKA_HOME:-}: set KAFKA_HOME to the folder of an Apache Kafka that contains libs"
    "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
        fail "$python is not Python 3.11, the Python of Debian 12: set PYTHON to a Python 3.11"
    docker info >/dev/null 2>&1 || start_docker_engine
    docker image inspect $stand_in:python >/dev/null 2>&1 || import_base_image
    docker image inspect $stand_in:servers >/dev/null 2>&1 || build_servers_image
    serve_wheels
    export BASE_IMAGE=$stand_in:python
}

start_docker_engine() {
    need dockerd
    step "starting a Docker engine"
    export DOCKER_HOST=unix://$work/docker.sock
    dockerd --data-root "$work/engine" --exec-root "$work/exec" --pidfile "$work/engine.pid" -H "$DOCKER_HOST" \
        >"$work/engine.log" 2>&1 &
    started+=($!)
    wait_until 60 "the Docker engine answers" docker info
}

import_base_image() {
    step "building a base image: Debian 12 with Python 3.11"
    debootstrap --variant=minbase --include=python3,python3-pip,python-is-python3,ca-certificates \
        bookworm "$work/debian" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$work/debootstrap.log" 2>&1 ||
        fail "debootstrap: $(tail -n 1 "$work/debootstrap.log")"
    rm -rf "$work"/debian/var/cache/apt/archives/*.deb "$work"/debian/var/lib/apt/lists/*
    tar -C "$work/debian" -c . | docker import - $stand_in:python >/dev/null
    rm -rf "$work/debian"
}

build_servers_image() {
    step "building the image for Kafka and Redis"
    docker build --quiet --network host --build-arg BASE_IMAGE=$stand_in:python --tag $stand_in:servers - \
        <deploy/docker/stand-in.Dockerfile >/dev/null
}

# The build gets a plain list of wheels, so that settings of this machine's pip (an index, credentials) stay out of it.
serve_wheels() {
    step "collecting the wheels"
    "$python" -m pip download --no-deps --only-binary :all: --require-hashes --dest "$work/wheels" \
        -r deploy/docker/requirements/build.txt -r deploy/docker/requirements/worker.txt \
        >"$work/wheels.log" 2>&1 || fail_with_log wheels
    local port
    port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$python" -m http.server --bind 127.0.0.1 --directory "$work/wheels" "$port" >"$work/requests.log" 2>&1 &
    started+=($!)
    export PIP_FIND_LINKS=http://127.0.0.1:$port/ PIP_NO_INDEX=1
}
