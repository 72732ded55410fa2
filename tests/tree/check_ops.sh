#!/bin/sh
# check_ops.sh SOURCE_ROOT OP...: checks that an op is complete and an op like any other, and says what is not so.
# check_ops.sh --self-test: checks that each kind of fault is found in a small tree, and that a sound one passes.
#
# An op is its file, its test, its line in the list of ops/meson.build (the OPs), its prototype in ops/ops.h and
# its tangent, or a comment that says why there is none. It includes public headers only, those of the ops of users: what ours cannot do without, another author cannot either.
# Any other test is its file and its word in a list of tests/meson.build.
set -eu

# Files that still include a private header. One that no longer does is to leave this list.
LATER='add.c bias.c bias.h bias_relu.c broadcast.h dropout.c grad_pass.h mul.c sigmoid.c sub.c tanh.c'

# Each function prints what is wrong, a line a fault.

check_files() {
    for file in "$root"/ops/*.c; do
        op=$(basename "$file" .c)
        case " $* " in
        *" $op "*) ;;
        *) echo "ops/$op.c is not in the list of ops/meson.build" ;;
        esac
    done
    for op; do
        [ -f "$root/ops/$op.c" ] || echo "$op is in the list of ops/meson.build, but there is no ops/$op.c"
        [ -f "$root/tests/ops/op_$op.c" ] || echo "$op has no test: there is no tests/ops/op_$op.c"
        grep -q "^TL_API .*[ *]tl_$op(" "$root/ops/ops.h" || echo "$op has no prototype: no tl_$op( in ops/ops.h"
        grep -qs 'tangent' "$root/ops/$op.c" || [ ! -f "$root/ops/$op.c" ] ||
            echo "$op has no tangent, and ops/$op.c does not say why"
    done
}

check_tests() {
    for file in "$root"/tests/lib/test_*.c "$root"/tests/graph/test_*.c; do
        name=$(basename "$file" .c)
        grep -qE "'${name#test_}'|$name\.c'" "$root/tests/meson.build" ||
            echo "tests/meson.build does not name ${file#"$root/"}"
    done
    for file in "$root"/tests/ops/op_*.c; do
        op=$(basename "$file" .c)
        [ -f "$root/ops/${op#op_}.c" ] || echo "tests/ops/$op.c tests no op"
    done
}

# private_includes FILE: the includes, with their lines, of headers that are not installed
private_includes() {
    sed -nE 's/^[ \t]*#[ \t]*include[ \t]*"([^"]*)".*/\1/p' "$1" | while read -r header; do
        echo "$public" | grep -qxF "$header" || echo "$header"
    done
}

check_includes() {
    public=$(find "$root/lib" "$root/graph" "$root/ops" -name meson.build -exec sed 's/#.*//' '{}' + | tr '\n' ' ' |
        grep -oE 'headers *[+]= *files[(][^)]*' | grep -o "'[^']*'" | tr -d "'")
    for file in "$root"/ops/*.[ch]; do
        name=$(basename "$file")
        headers=$(private_includes "$file")
        case " $LATER " in
        *" $name "*)
            [ -n "$headers" ] || echo "ops/$name includes public headers only: take it from LATER in check_ops.sh"
            ;;
        *)
            for header in $headers; do
                echo "ops/$name includes $header, which is not public: an op of a user's could not"
            done
            ;;
        esac
    done
    for name in $LATER; do
        [ -f "$root/ops/$name" ] || echo "there is no ops/$name: take it from LATER in check_ops.sh"
    done
}

