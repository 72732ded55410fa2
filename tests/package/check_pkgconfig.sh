#!/bin/sh
# The installed tree: its files, the names that the libraries export, and the example built by its Makefile with
# either library.
# shellcheck source=common.sh disable=SC2154
. "$(dirname "$0")/common.sh"
needs pkg-config make nm

install_moved
doc=$installed/share/doc/tulle
for file in "$doc/LICENSE" "$doc/README.md" "$doc/CHANGELOG.md" "$doc/examples/first_network.c"; do
    [ -s "$file" ] || fail "$file is not there, or empty"
done

for library in tulle tulle64; do
    node=$(echo "$library" | tr '[:lower:]' '[:upper:]')_
    nm -D --defined-only "$installed/$LIBDIR/lib$library.so" | sed 's/.* //' >"$work/names"
    if grep -v -e "^tl_[a-z0-9_]*@@${node}" -e "^${node}[0-9.]*\$" -e "^${node}[0-9.]*@@" "$work/names"; then
        fail "lib$library.so exports these, which are not tl_*@@$node*"
    fi
    rm -rf "$work/example"
    cp -r "$doc/examples" "$work/example"
    make -s -C "$work/example" CC="$CC" PKG_CONFIG="$PKG_CONFIG" LIBRARY="$library"
    nm -D "$work/example/first_network" | grep -q "tl_.*@${node}" || fail "LIBRARY=$library links another library"
    LD_LIBRARY_PATH=$installed/$LIBDIR "$work/example/first_network" | grep '^training accuracy'
done
[ "$($PKG_CONFIG --modversion tulle)" = "$VERSION" ] || fail "tulle.pc is not of version $VERSION"
