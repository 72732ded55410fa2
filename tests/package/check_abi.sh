#!/bin/sh
# An option that takes a reserved field keeps the binary interface, as abidiff sees it; one that is inserted,
# in a class's structure or in what all have in common, does not.
# shellcheck source=common.sh disable=SC2154
. "$(dirname "$0")/common.sh"
needs abidiff

# variant NAME SED: the optimizers, built from a copy of the tree in which this has edited optimizer.h and the
# files that know the first reserved fields.
variant() {
    mkdir "$work/$1"
    (cd "$SOURCE" && tar cf - lib graph ops) | tar xf - -C "$work/$1"
    cp -r "$BUILD/include" "$work/$1"
    (
        cd "$work/$1" || exit
        sed -i "$2" include/tulle/optimizer.h graph/optim/optimizer.[ch] graph/optim/adam.c
        # shellcheck disable=SC2086 # $CC may be several words
        $CC -g -O0 -std=c11 -D_POSIX_C_SOURCE=200809L -fPIC -shared -fvisibility=hidden -I. -Iinclude/tulle \
            graph/optim/sgd.c graph/optim/adam.c graph/optim/optimizer.c -o libtulle.so
    )
}

# compared TO: what abidiff says, and its exit status: 0 is compatible.
compared() {
    echo "== $1"
    status=0
    abidiff "$work/base/libtulle.so" "$work/$1/libtulle.so" || status=$?
    echo "abidiff: exit status $status"
}

in_options='/^typedef struct tl_adam_options/,/^}/' in_function='/^tl_optimizer [*]tl_adam/,/^}/'
variant base ''
variant reserved "$in_options s/reserved1/warmth/; $in_function s/reserved1/warmth/"
variant common_reserved 's/common_reserved1/dampening/g'
variant inserted "$in_options s/double epsilon;/double warmth, epsilon;/"
variant common_inserted 's/double weight_decay;/double dampening, weight_decay;/'

for change in reserved common_reserved; do
    cmp -s "$work/base/include/tulle/optimizer.h" "$work/$change/include/tulle/optimizer.h" &&
        fail "$change: optimizer.h has no such field"
    compared $change
    [ "$status" -eq 0 ] || fail "an option in place of a reserved field breaks the binary interface"
done
for change in inserted common_inserted; do
    compared $change
    [ "$status" -ne 0 ] || fail "abidiff does not see an inserted option"
done
