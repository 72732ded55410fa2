#!/bin/sh
# The installed tree: its files, the names that the libraries export, the example built by its Makefile with either
# library, and a test of an op built with the test kit of either.
# shellcheck source=common.sh disable=SC2154
. "$(dirname "$0")/common.sh"
needs pkg-config make nm

install_moved
doc=$installed/share/doc/tulle
for file in "$doc/LICENSE" "$doc/README.md" "$doc/CHANGELOG.md" "$doc/examples/first_network.c"; do
    [ -s "$file" ] || fail "$file is not there, or empty"
done

# exports LIBRARY NODE: checks that the library exports nothing but tl_*@@NODE*.
exports() {
    nm -D --defined-only "$installed/$LIBDIR/lib$1.so" | sed 's/.* //' >"$work/names"
    if grep -v -e "^tl_[a-z0-9_]*@@$2" -e "^$2[0-9.]*\$" -e "^$2[0-9.]*@@" "$work/names"; then
        fail "lib$1.so exports these, which are not tl_*@@$2*"
    fi
}

# of_mpi LIBRARY: what to build with libLIBRARY-mpi. MPI's own file, which is not to be moved, has a prefix, too.
of_mpi() {
    mkdir -p "$work/pkgconfig"
    for file in "$installed/$LIBDIR/pkgconfig"/tulle*.pc; do
        sed "s|^prefix=.*|prefix=$installed|" "$file" >"$work/pkgconfig/${file##*/}"
    done
    PKG_CONFIG_PATH=$work/pkgconfig pkg-config --cflags --libs "$1-mpi"
}

for library in tulle tulle64; do
    node=$(echo "$library" | tr '[:lower:]' '[:upper:]')_
    exports "$library" "$node"
    exports "$library-check" "${node}CHECK_"
    rm -rf "$work/example"
    cp -r "$doc/examples" "$work/example"
    make -s -C "$work/example" CC="$CC" PKG_CONFIG="$PKG_CONFIG" LIBRARY="$library"
    nm -D "$work/example/first_network" | grep -q "tl_.*@${node}" || fail "LIBRARY=$library links another library"
    LD_LIBRARY_PATH=$installed/$LIBDIR "$work/example/first_network" | grep '^training accuracy'
    # shellcheck disable=SC2046,SC2086 # lists of words
    $CC "$SOURCE/docs/code/softplus.c" -o "$work/softplus" $($PKG_CONFIG --cflags --libs "$library-check") -lm
    LD_LIBRARY_PATH=$installed/$LIBDIR "$work/softplus" | grep '^softplus: passes'
    if [ -e "$installed/$LIBDIR/pkgconfig/$library-mpi.pc" ]; then
        exports "$library-mpi" "${node}MPI_"
        # shellcheck disable=SC2046,SC2086
        $CC "$SOURCE/docs/code/distributed.c" -o "$work/distributed" $(of_mpi "$library")
        nm -D "$work/distributed" | grep -q "tl_mpi_new_.*@${node}MPI_" || fail "$library-mpi.pc links another library"
    fi
done
[ "$($PKG_CONFIG --modversion tulle)" = "$VERSION" ] || fail "tulle.pc is not of version $VERSION"
