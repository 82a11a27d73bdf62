#!/bin/bash
# A STAND-IN for the entrypoint of the image mongo, and for mongod: FerretDB and DocumentDB, which are no replica set.
# It proves that the manifest hands over what mongod would need: a keyfile that mongod accepts, a disk, the password of
# root.
set -euo pipefail
[ "${1:-}" = mongod ] || exec "$@"

die() { printf 'stand-in for mongod: %s\n' "$*" >&2; exit 1; }
keyfile='' replicas=''
for argument; do
  case $argument in
    --keyFile=*) keyfile=${argument#*=} ;;
    --replSet=*) replicas=${argument#*=} ;;
  esac
done
[ "$(stat -c '%a %u' "$keyfile")" = "400 $(id -u)" ] || die "the keyfile must be mine and 0400: $(stat -c '%a %u' "$keyfile")"
[ "$replicas" = rs0 ] || die "the replica set is $replicas"

export PGDATA=/data/db/pgdata PGHOST=/tmp POSTGRES_USER=$MONGO_INITDB_ROOT_USERNAME POSTGRES_PASSWORD=$MONGO_INITDB_ROOT_PASSWORD POSTGRES_DB=postgres
postgres-entrypoint.sh postgres -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp &
postgres=$!
trap 'kill -INT $postgres; wait $postgres; exit 0' TERM
until pg_isready --quiet --host=127.0.0.1 --username="$POSTGRES_USER" --dbname=postgres; do
  kill -0 $postgres || die "PostgreSQL has ended"
  sleep 0.2
done
FERRETDB_POSTGRESQL_URL="postgres://$POSTGRES_USER:$POSTGRES_PASSWORD@127.0.0.1:5432/postgres?pool_max_conns=50" \
  FERRETDB_LISTEN_ADDR=:27017 FERRETDB_DEBUG_ADDR=- FERRETDB_STATE_DIR=/tmp FERRETDB_TELEMETRY=disable FERRETDB_LOG_LEVEL=WARN /ferretdb &
wait -n
die "one of the two has ended"
