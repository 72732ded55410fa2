# shellcheck shell=sh
# For the scripts beside it, which meson.build calls with CC, CXX, SOURCE, BUILD, PREFIX, LIBDIR and VERSION
# in the environment.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# what is built here is meant for the machine as it is
unset PKG_CONFIG_PATH PKG_CONFIG_LIBDIR LD_LIBRARY_PATH CFLAGS CXXFLAGS CPPFLAGS LDFLAGS

fail() {
    echo "$(basename "$0" .sh): $*" >&2
    exit 1
}

# skip WHY: the exit status that Meson takes for a test that could not run.
skip() {
    echo "$(basename "$0" .sh): skipped: $*"
    exit 77
}

needs() {
    for tool; do
        command -v "$tool" >/dev/null || skip "there is no $tool"
    done
}

# Installs the build in a directory that it was not configured for: an installed tree can be moved.
install_moved() {
    needs meson
    DESTDIR=$work/staged meson install -C "$BUILD" --no-rebuild --quiet >"$work/log" ||
        fail "$(cat "$work/log")"
    mv "$work/staged$PREFIX" "$work/moved"
    installed=$work/moved
    export PKG_CONFIG_PATH="$installed/$LIBDIR/pkgconfig"
    export PKG_CONFIG="pkg-config --define-variable=prefix=$installed"
}
