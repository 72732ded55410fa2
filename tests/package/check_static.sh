#!/bin/sh
# pkg-config --static --libs names all that a program without shared libraries needs.
# shellcheck source=common.sh disable=SC2154
. "$(dirname "$0")/common.sh"
needs pkg-config

echo 'int main(void) { return 0; }' >"$work/nothing.c"
for library in '' -lblis -lminizip -lz -ljansson; do
    # shellcheck disable=SC2086 # none, or one
    $CC -static "$work/nothing.c" -o "$work/nothing" $library 2>"$work/log" || skip "$(cat "$work/log")"
done

install_moved
for library in tulle tulle64; do
    # shellcheck disable=SC2046 # a list of words
    $CC -static "$SOURCE/demos/first_network.c" -o "$work/$library" \
        $($PKG_CONFIG --static --cflags --libs "$library") 2>"$work/log" || fail "$(cat "$work/log")"
    "$work/$library" | grep '^training accuracy'
    # shellcheck disable=SC2046 # a list of words
    $CC -static "$SOURCE/docs/code/softplus.c" -o "$work/$library-check" \
        $($PKG_CONFIG --static --cflags --libs "$library-check") 2>"$work/log" || fail "$(cat "$work/log")"
    "$work/$library-check" | grep '^softplus: passes'
done
