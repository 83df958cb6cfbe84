#!/usr/bin/env bash
# Makes the Debian package of a binary that is built already:
#   packaging/deb.sh BINARY DIRECTORY [REVISION]
# It prints the path of the package. dpkg-deb does the work: a package of one binary needs no more,
# and a cargo plug-in for it would take longer to build than daarion itself.
set -euo pipefail

binary="$(realpath "$1")"
output="$(realpath -m "$2")"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
debian="$root/packaging/debian"
most_bytes=$((15 * 1000 * 1000))

fail() { echo "deb: $*" >&2; exit 1; }
for tool in dpkg-deb dpkg-shlibdeps gzip strip; do
    command -v "$tool" >/dev/null || fail "$tool is missing (apt-get install dpkg-dev binutils)"
done

version="$(sed -n '1s/^daarion (\(.*\)) .*/\1/p' "$debian/changelog")"
[[ "${version%-*}" == "$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -1)" ]] ||
    fail "packaging/debian/changelog has the version $version, Cargo.toml another one"
version="${version%-*}-${3:-${version##*-}}"
architecture="$(dpkg --print-architecture)"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
tree="$work/tree"
umask 022

put() { install -D -m "${3:-0644}" "$1" "$tree/$2"; }
# Without the time, so that the same sources give the same package.
zip() { mkdir -p "$(dirname "$tree/$2")" && gzip -9nc "$1" >"$tree/$2" && chmod 0644 "$tree/$2"; }

put "$binary" usr/bin/daarion 0755
strip --strip-all --remove-section=.comment "$tree/usr/bin/daarion"
put "$root/systemd/daarion.service" lib/systemd/system/daarion.service
put "$root/packaging/daarion.toml" etc/daarion/daarion.toml
put "$debian/sysusers.conf" usr/lib/sysusers.d/daarion.conf
put "$debian/copyright" usr/share/doc/daarion/copyright
zip "$debian/changelog" usr/share/doc/daarion/changelog.Debian.gz
zip "$root/CHANGELOG.md" usr/share/doc/daarion/changelog.gz
put "$debian/lintian-overrides" usr/share/lintian/overrides/daarion
for example in nginx.conf Caddyfile; do
    put "$root/packaging/$example" "usr/share/doc/daarion/examples/$example"
done

"$binary" pages "$work/pages"
for page in "$work"/pages/man/*.1; do
    zip "$page" "usr/share/man/man1/$(basename "$page").gz"
done
put "$work/pages/completions/daarion.bash" usr/share/bash-completion/completions/daarion
put "$work/pages/completions/_daarion" usr/share/zsh/vendor-completions/_daarion
put "$work/pages/completions/daarion.fish" usr/share/fish/vendor_completions.d/daarion.fish

# The libraries that the binary is linked with, and their oldest versions that do.
mkdir -p "$work/shlibs/debian"
touch "$work/shlibs/debian/control"
depends="$(cd "$work/shlibs" && dpkg-shlibdeps -O "$tree/usr/bin/daarion" 2>"$work/said")" ||
    fail "dpkg-shlibdeps: $(cat "$work/said")"
depends="${depends#shlibs:Depends=}"
[[ -n "$depends" ]] || fail "dpkg-shlibdeps found no libraries"

mkdir "$tree/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$depends/" \
    -e "s/@SIZE@/$(du -sk --exclude=DEBIAN "$tree" | cut -f1)/" "$debian/control" >"$tree/DEBIAN/control"
echo /etc/daarion/daarion.toml >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 0755 "$debian/$script" "$tree/DEBIAN/$script"
done
(cd "$tree" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\0' | sort -z |
    xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
chmod 0644 "$tree/DEBIAN/md5sums" "$tree/DEBIAN/conffiles" "$tree/DEBIAN/control"

mkdir -p "$output"
package="$output/daarion_${version}_$architecture.deb"
SOURCE_DATE_EPOCH="$(date -d "$(sed -n 's/^ -- .*>  //p' "$debian/changelog" | head -1)" +%s)" \
    dpkg-deb --root-owner-group -Zxz --build "$tree" "$package" >/dev/null
bytes="$(stat -c %s "$package")"
[[ $bytes -le $most_bytes ]] || fail "$package has $bytes bytes, $most_bytes are the most"
echo "$package"
