#!/usr/bin/env bash
# Puts a backup of Redis (redis-cli --rdb FILE, or a dump.rdb) where a redis-server with an append-only file begins with it:
# such a server does not look at dump.rdb. docs/deploy.md says what comes before and after.
#
#   deploy/restore-redis.sh BACKUP DIR      DIR: what redis-server is given with --dir; without data of its own
#
# Give it the owner of DIR afterwards: chown -R $(stat -c %u:%g DIR) DIR/appendonlydir.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: restore-redis.sh BACKUP DIR" >&2
  exit 2
fi
backup=$1 folder=$2/appendonlydir
if [ "$(head -c 5 "$backup")" != REDIS ]; then
  echo "restore-redis.sh: $backup is no backup of Redis" >&2
  exit 1
fi
# What came through a pipe (redis-cli --rdb -) has 40 digits of a transfer's end behind it, which Redis would not read.
size=$(stat -c %s "$backup") extra=0
if [ "$(tail -c 40 "$backup" | tr -d '0-9a-f' | wc -c)" -eq 0 ]; then
  extra=40
fi
# A whole one ends with a byte 255 and eight more.
if [ "$(tail -c $((extra + 9)) "$backup" | head -c 1 | od -An -tx1 | tr -d ' ')" != ff ]; then
  echo "restore-redis.sh: $backup is not whole: its end is missing" >&2
  exit 1
fi
if [ -e "$folder" ]; then
  echo "restore-redis.sh: $folder is there already: move it away first, and keep it" >&2
  exit 1
fi
umask 077 # it holds contacts and their numbers
mkdir -p "$folder.new"
head -c $((size - extra)) "$backup" >"$folder.new/appendonly.aof.1.base.rdb"
echo 'file appendonly.aof.1.base.rdb seq 1 type b' >"$folder.new/appendonly.aof.manifest"
mv "$folder.new" "$folder"
