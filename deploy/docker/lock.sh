#!/usr/bin/env bash
# Write deploy/docker/requirements: what the images install on linux/amd64, in the versions of constraints.txt, each with
# the hashes of its files in the package index. Run it after a change of pyproject.toml or constraints.txt.
#
#   pip install uv && deploy/docker/lock.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

main() {
    compile worker pyproject.toml
    compile dashboard pyproject.toml --extra dashboard
    compile gpu pyproject.toml --extra gpu
    compile build - <<<setuptools # what builds the wheel of this project; not part of the images
}

# compile NAME SOURCE [OPTION]...
compile() {
    local file=deploy/docker/requirements/$1.txt
    uv pip compile "${@:2}" --constraint constraints.txt --generate-hashes --no-config --quiet \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --no-annotate --custom-compile-command deploy/docker/lock.sh --no-emit-index-url --output-file "$file"
}

main
