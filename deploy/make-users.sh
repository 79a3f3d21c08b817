#!/usr/bin/env bash
# Makes Redis's users from deploy/users.acl: DIR/users.acl, which redis-server takes with --aclfile, holding the SHA-256 of
# the password that lies in DIR/<user>.password. Passwords that are not there yet are made, 256 random bits each. They are
# never arguments of anything.
#
#   deploy/make-users.sh DIR [CELL...]      the cells that the users may work in (default: those of DIR/users.acl, or c0)
#
# Users of your own, such as one for a metrics exporter, stand in DIR/own.acl, a line each as Redis wants it: they are taken over.
# What is made by ACL SETUSER alone is gone after the next ACL LOAD and after each restart.
#
# After a change: redis-cli --user redis-admin --askpass acl load. A DIR that is made here is for its owner alone, and so
# is each password; give each process's account its own.
set -euo pipefail

if [ $# -lt 1 ]; then
  echo "usage: make-users.sh DIR [CELL...]" >&2
  exit 2
fi
directory=$1
shift
cells=("$@")
page=$(dirname "$0")/users.acl

# Run again after an upgrade, it must not take from the users a cell that they work in.
if [ "${#cells[@]}" -eq 0 ] && [ -e "$directory/users.acl" ]; then
  mapfile -t cells < <(grep -oE '[{][a-z0-9]{1,8}[}]' "$directory/users.acl" | tr -d '{}' | grep -vx dir | sort -u)
  echo "make-users.sh: for the cells ${cells[*]}, as before" >&2
fi
[ "${#cells[@]}" -gt 0 ] || cells=(c0)

for cell in "${cells[@]}"; do
  if ! [[ "$cell" =~ ^[a-z0-9]{1,8}$ ]]; then
    echo "make-users.sh: '$cell' is no cell: 1 to 8 characters of a-z and 0-9" >&2
    exit 2
  fi
done
[ -d "$directory" ] || mkdir -m 700 "$directory"

mapfile -t users < <(awk '$1 == "user" && $2 != "default" { print $2 }' "$page")
hashes=()
for user in "${users[@]}"; do
  file=$directory/$user.password
  if ! [ -e "$file" ]; then
    (umask 077 && head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' >"$file.new")
    mv "$file.new" "$file"
    echo "make-users.sh: made $file" >&2
  fi
  if [ "$(wc -l <"$file")" -gt 1 ] || ! [ -s "$file" ]; then
    echo "make-users.sh: $file must hold one line, the password" >&2
    exit 1
  fi
  hashes+=("$user=$(tr -d '\r\n' <"$file" | sha256sum | cut -d' ' -f1)")
done

# Redis wants each user on one line and knows no comments.
CELLS="${cells[*]}" HASHES="${hashes[*]}" awk '
  function flush() { if (line != "") print line; line = "" }
  function add(word,   i, copy) {
    if (index(word, "{c0}") == 0) {
      line = line " " word
      return
    }
    for (i = 1; i <= n_cells; i++) {
      copy = word
      gsub(/[{]c0[}]/, "{" cell[i] "}", copy)
      gsub(/batch_c0_/, "batch_" cell[i] "_", copy)
      line = line " " copy
    }
  }
  BEGIN {
    n_cells = split(ENVIRON["CELLS"], cell, " ")
    n = split(ENVIRON["HASHES"], pair, " ")
    for (i = 1; i <= n; i++) hash[substr(pair[i], 1, index(pair[i], "=") - 1)] = substr(pair[i], index(pair[i], "=") + 1)
  }
  /^[ \t]*(#|$)/ { next }
  $1 == "user" {
    flush()
    line = "user " $2
    for (i = 3; i <= NF; i++) add($i)
    if ($2 in hash) line = line " #" hash[$2]
    next
  }
  { for (i = 1; i <= NF; i++) add($i) }
  END { flush() }
' "$page" >"$directory/users.acl.new"
[ ! -e "$directory/own.acl" ] || cat "$directory/own.acl" >>"$directory/users.acl.new"
mv "$directory/users.acl.new" "$directory/users.acl"
