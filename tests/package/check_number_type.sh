#!/bin/sh
# A program that was compiled for one number type does not link with the library of the other, and the linker
# says why; one that includes the headers and calls nothing links without either.
# shellcheck source=common.sh disable=SC2154
. "$(dirname "$0")/common.sh"

cp "$SOURCE/demos/first_network.c" "$work/program.c"
cat >"$work/nothing.c" <<'END'
#include <tulle/op.h>
#include <tulle/tulle.h>
int main(void) { return 0; }
END
cat >"$work/op.c" <<'END'
#include <tulle/op.h>
int main(void) { return tl_apply(NULL, NULL, NULL, 0) != NULL; }
END
cp "$work/op.c" "$work/op.cpp"
cat >"$work/kit.c" <<'END'
#include <tulle/op_check.h>
int main(void) { return tl_check_op(NULL) != TL_OK; }
END

# refused COMPILER TYPE SOURCE [FLAG]...: compiled for this type, the program links with its library and not
# with the other one.
refused() {
    compiler=$1 type=$2 source=$3
    shift 3
    case $type in
    float) right=libtulle wrong=libtulle64 ;;
    double)
        right=libtulle64 wrong=libtulle
        set -- -DTULLE_DOUBLE "$@"
        ;;
    esac
    $compiler "$@" -I"$BUILD/include" -c "$work/$source" -o "$work/object.o"
    kit=
    [ "$source" != kit.c ] || kit=-check # which is linked with its library
    $compiler "$@" "$work/object.o" "$BUILD/$right$kit.so" "$BUILD/$right.so" -o "$work/program"
    for file in "$wrong$kit.so" "$wrong$kit.a"; do
        if $compiler "$@" "$work/object.o" "$BUILD/$file" "$BUILD/$wrong.so" -o "$work/program" 2>"$work/said"; then
            fail "$source in $type links with $file ($*)"
        fi
        grep -q "undefined .*tl_[a-z_]*_$type" "$work/said" || fail "$(cat "$work/said")"
    done
}

for flags in -O0 '-O2 -ffunction-sections -Wl,--gc-sections'; do
    for type in float double; do
        # shellcheck disable=SC2086 # a list of words
        for source in program.c op.c kit.c; do
            refused "$CC" $type $source $flags
        done
        # shellcheck disable=SC2086
        [ -z "$CXX" ] || refused "$CXX" $type op.cpp $flags
    done
    # shellcheck disable=SC2086
    $CC $flags -I"$BUILD/include" "$work/nothing.c" -o "$work/program"
done
grep -m 1 undefined "$work/said"
