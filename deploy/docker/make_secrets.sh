#!/bin/sh
# Make the secret of docker-compose.yml, unless it exists: the URL with which the programs log in to Redis, with a random
# password. To change the password, delete the file, run this script, and start the stack again.
#
#   deploy/docker/make_secrets.sh      in the folder ./secrets, or in SECRETS_DIR
set -eu

folder=${SECRETS_DIR:-$(dirname "$0")/../../secrets}
# The containers' users must be able to read the file; the folder keeps it from other users of this machine.
(umask 077 && mkdir -p "$folder")
chmod 700 "$folder"
if [ -s "$folder/redis_url" ]; then
    echo "$folder/redis_url exists already" >&2
    exit 0
fi
bytes=$(od -An -N32 -tx1 /dev/urandom)
password=$(echo "$bytes" | tr -d ' \n')
umask 022
# The file appears whole or not at all.
echo "redis://emotion:$password@redis:6379/0" >"$folder/redis_url.new"
mv "$folder/redis_url.new" "$folder/redis_url"
