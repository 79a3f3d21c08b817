#!/usr/bin/env bash
# Makes a folder with installed programs the root of an image that holds nothing else: the libraries that they load, time
# zones, certificates, a user, and what says where each file came from. Run by deploy/Dockerfile, on Debian.
#
#   deploy/image_root.sh ROOT
set -euo pipefail
root=$1
nobody=65532 # in nobody's way: below it lie the users of people and packages

# glibc loads libgcc_s by itself, when a thread is to end.
mapfile -t loaded < <({
  find "$root" -type f -perm -100 -exec ldd {} + | grep -o '/[^ ]*\.so[^ ]*'
  ldconfig -p | grep -o '/[^ ]*/libgcc_s\.so\.1$' | head -1
} | sort -u)
for library in "${loaded[@]}"; do
  install -D -m 755 "$library" "$root$library"
done
mkdir -p "$root/usr/share" "$root/etc/ssl/certs" "$root/usr/lib/ssl" "$root/var/lib/dpkg/status.d"
cp -a /usr/share/zoneinfo "$root/usr/share/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# Where OpenSSL looks by itself.
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
echo "carillon:x:$nobody:$nobody:Carillon:/:/sbin/nologin" >"$root/etc/passwd"
echo "carillon:x:$nobody:" >"$root/etc/group"

# As images without a package manager say it to whoever looks for vulnerable versions: a file for each package.
owner_of() {
  { dpkg -S "$1" || dpkg -S "/usr$1" || dpkg -S "$(readlink -f "$1")"; } 2>/dev/null | head -1 | cut -d: -f1
}
mapfile -t packages < <({
  for library in "${loaded[@]}"; do owner_of "$library"; done
  echo tzdata
  echo ca-certificates
} | sort -u)
for package in "${packages[@]}"; do
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
install -D -m 644 LICENSE "$root/usr/share/doc/carillon/LICENSE"
