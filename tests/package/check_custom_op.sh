#!/bin/sh
# The op of demos/custom_op, outside the tree, as it is installed: by make and by Meson, with gcc and with clang, its
# test in both number types, and a model that trains with it.
# shellcheck source=common.sh disable=SC2154
. "$(dirname "$0")/common.sh"
needs pkg-config make meson ninja gcc clang

install_moved
export LD_LIBRARY_PATH="$installed/$LIBDIR"
for compiler in gcc clang; do
    by_make=$work/make-$compiler by_meson=$work/meson-$compiler
    cp -r "$installed/share/doc/tulle/examples/custom_op" "$by_make"
    make -s -C "$by_make" CC="$compiler -Werror" PKG_CONFIG="$PKG_CONFIG" custom_op check || fail "make, $compiler"
    "$by_make/custom_op"
    {
        CC=$compiler meson setup -Dwerror=true "$by_meson" "$by_make" && meson test -C "$by_meson" --print-errorlogs
    } >"$work/log" 2>&1 || fail "Meson, $compiler: $(cat "$work/log")"
    grep '^[1-9]/' "$work/log"
done
