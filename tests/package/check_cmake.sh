#!/bin/sh
# find_package(tulle) in a tree that was moved: this minor version is found, others are not.
# shellcheck source=common.sh disable=SC2154
. "$(dirname "$0")/common.sh"
needs cmake

# configured [-DNAME=VALUE]...
configured() {
    rm -rf "$work/build"
    CC=$CC cmake -S "$SOURCE/tests/package/cmake" -B "$work/build" -DCMAKE_PREFIX_PATH="$installed" \
        -DFIRST_NETWORK="$SOURCE/demos/first_network.c" -DSOFTPLUS="$SOURCE/docs/code/softplus.c" "$@" >"$work/log" 2>&1
}

install_moved
minor=${VERSION%.*}
for wanted in "${minor%.*}.$((${minor#*.} - 1))" "${minor%.*}.$((${minor#*.} + 1))" "$minor.999"; do
    ! configured -DWANTED="$wanted" || fail "find_package(tulle $wanted) takes $VERSION"
    grep -q 'with requested version' "$work/log" || fail "$(cat "$work/log")"
done
! configured -DMIX=ON || fail 'one program links both libraries'
grep -q 'tulle_library' "$work/log" || fail "$(cat "$work/log")"

configured -DWANTED="$minor" || fail "$(cat "$work/log")"
cmake --build "$work/build" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
for program in with_tulle with_tulle64; do
    "$work/build/$program" | grep '^training accuracy'
    "$work/build/${program}_check" | grep '^softplus: passes'
done
