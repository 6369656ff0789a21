#!/bin/sh
# Redis in a container: a server with one user, who may run only the commands of this project on the keys {emotion}:*.
#
#   redis.sh server [OPTION]...    redis-server with that user, and without the user `default`
#   redis.sh cli [ARGUMENT]...     redis-cli, logged in as that user
#
# User and password are those of the URL in the secret file, which the worker and the live page use too.
set -eu

secret=${REDIS_URL_FILE:-/run/secrets/redis_url}
users=${REDIS_USERS_FILE:-/tmp/users.acl}
# docs/reference.md, Permissions; ping is for the health check.
rules='~{emotion}:* resetchannels -@all +ping +evalsha +script|load +hgetall +hmget +hvals +hset +hdel +expire +multi +exec'

main() {
    command=${1:-}
    [ $# = 0 ] || shift
    case $command in
        server)
            read_login
            umask 077
            hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
            printf 'user default off\nuser %s on #%s %s\n' "$user" "$hash" "$rules" >"$users"
            exec redis-server --aclfile "$users" "$@"
            ;;
        cli)
            read_login
            REDISCLI_AUTH=$password exec redis-cli --user "$user" "$@"
            ;;
        *) fail "the commands are server and cli" ;;
    esac
}

read_login() {
    [ -r "$secret" ] || fail "$secret cannot be read: make the secret with deploy/docker/make_secrets.sh"
    url=$(cat "$secret")
    login=${url#redis://}
    login=${login%%@*}
    user=${login%%:*} password=${login#*:}
    case $url in
        redis://?*:?*@*) ;;
        *) fail "$secret is not redis://user:password@host:port/0" ;;
    esac
    case $user$password in
        *[!A-Za-z0-9_-]*) fail "$secret: user and password may have letters, digits, _ and - only" ;;
    esac
}

fail() {
    printf 'redis.sh: %s\n' "$1" >&2
    exit 2
}

main "$@"
