#!/bin/sh
# A program that was compiled for one number type does not link with the library of the other, and the linker's
# message says why; one that includes the headers and calls nothing links without either.
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
static const tl_op nothing;
int main(void) { return tl_apply(&nothing, NULL, NULL, 0) != NULL; }
END

# refused TYPE LIBRARY SOURCE [FLAG]...: compiled for TYPE, with the library of the other one.
refused() {
    type=$1 library=$2 source=$3
    shift 3
    case $type in double) set -- -DTULLE_DOUBLE "$@" ;; esac
    $CC "$@" -I"$BUILD/include" -c "$work/$source" -o "$work/object.o"
    for file in "lib$library.so" "lib$library.a"; do
        # -z lazy etc. aside, nothing but the missing symbols keeps it from linking
        if $CC "$@" "$work/object.o" "$BUILD/$file" -lblis -lm -lz -lmvec -pthread -o "$work/program" 2>"$work/said"; then
            fail "$source in $type links with $file ($*)"
        fi
        grep -q "tl_[a-z_]*_$type" "$work/said" || fail "$(cat "$work/said")"
    done
}

for flags in -O0 '-O2 -ffunction-sections -Wl,--gc-sections'; do
    # shellcheck disable=SC2086 # a list of words
    for source in program.c op.c; do
        refused double tulle "$source" $flags
        refused float tulle64 "$source" $flags
    done
    # shellcheck disable=SC2086
    $CC $flags -I"$BUILD/include" "$work/nothing.c" -o "$work/program"
done
grep -m 1 undefined "$work/said"
