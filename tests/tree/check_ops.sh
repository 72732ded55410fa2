#!/bin/sh
# check_ops.sh SOURCE_ROOT OP...: checks that an op is complete and an op like any other, and says what is not so.
# check_ops.sh --self-test: checks that each kind of fault is found in a small tree, and that a sound one passes.
#
# An op is its file, its test, its line in a list of ops/meson.build (the OPs), its prototype in ops/*.h and its
# tangent, or a comment that says why it has none; a composition of ops, which does not call tl_apply, needs none. It
# includes public headers only, those of the ops of users: what ours cannot do without, another author cannot either.
# Its numbers by PyTorch are compared, or tests/torch/ops.h says why not, in a line ` * NAME: why`.
# Any other test is its file and its word in a list of tests/meson.build, which also names the second files of tests.
set -eu

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
        grep -q "^TL_API .*[ *]tl_$op(" "$root"/ops/*.h || echo "$op has no prototype: no tl_$op( in ops/*.h"
        grep -qs 'tangent' "$root/ops/$op.c" || ! grep -qs 'tl_apply' "$root/ops/$op.c" ||
            echo "$op has no tangent, and ops/$op.c does not say why"
    done
}

check_numbers() {
    for op; do
        grep -qE "^    \{ \"$op\", | \* $op: " "$root/tests/torch/ops.h" ||
            echo "$op has no numbers by PyTorch: tests/torch/ops.h neither calls it nor says why"
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
        [ -f "$root/ops/${op#op_}.c" ] || grep -qF "'ops/$op.c'" "$root/tests/meson.build" ||
            echo "tests/ops/$op.c tests no op"
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
        for header in $headers; do
            echo "ops/$name includes $header, which is not public: an op of a user's could not"
        done
    done
}

# check ROOT OP...
check() {
    root=$1
    shift
    check_files "$@"
    check_numbers "$@"
    check_tests
    check_includes
}

# ---- Self-test ----

# expect TEXT OP...: checks that this is found, and nothing else
expect() {
    text=$1
    shift
    found=$(check "$tree" "$@")
    if [ "$found" != "$text" ]; then
        printf 'expected: %s\nfound: %s\n' "$text" "$found" >&2
        missed=1
    fi
}

# plant FILE LINE: appends a line; uproot FILE: puts the file back
plant() {
    cp "$tree/$1" "$tree/sound"
    printf '%s\n' "$2" >>"$tree/$1"
}

uproot() {
    mv "$tree/sound" "$tree/$1"
}

self_test() {
    missed=0
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    mkdir -p "$tree/lib/kernels" "$tree/graph/tape" "$tree/ops" "$tree/tests/lib" "$tree/tests/graph" "$tree/tests/ops" \
        "$tree/tests/torch"
    echo "headers += files('vmath.h')" >"$tree/lib/kernels/meson.build"
    printf "# 'tape.h' is private\nheaders += files('graph.h',\n  'op.h')\n" >"$tree/graph/tape/meson.build"
    echo "headers += files('ops.h')" >"$tree/ops/meson.build"
    printf '#include "graph.h"\nTL_API tl_node *tl_exp(tl_node *a);\nTL_API tl_node *tl_old(tl_node *a);\n' >"$tree/ops/ops.h"
    printf '#include "ops.h"\n# include "vmath.h" /* tl_vexp */\n\n#include <math.h>\n.tangent = tangent\n' >"$tree/ops/exp.c"
    printf '#include "op.h"\n/* no tangent: a sketch */ tl_apply\n' >"$tree/ops/old.c"
    echo "'sort', 'graph', 'test_user_op.c'" >"$tree/tests/meson.build"
    printf '/* Not compared:\n * old: random */\n    { "exp", .unary = tl_exp },\n' >"$tree/tests/torch/ops.h"
    for file in lib/test_sort graph/test_graph graph/test_user_op ops/op_exp ops/op_old; do
        : >"$tree/tests/$file.c"
    done
    expect '' exp old
    expect 'ops/exp.c is not in the list of ops/meson.build' old
    numbers='has no numbers by PyTorch: tests/torch/ops.h neither calls it nor says why'
    plant tests/torch/ops.h ''
    sed -i '/old/d' "$tree/tests/torch/ops.h"
    expect "old $numbers" exp old
    uproot tests/torch/ops.h

    private='which is not public: an op of a user'"'"'s could not'
    plant ops/exp.c '#include "lib/kernels/kernels.h"'
    expect "ops/exp.c includes lib/kernels/kernels.h, $private" exp old
    uproot ops/exp.c
    plant ops/exp.c '#  include "ops/shared.h"'
    expect "ops/exp.c includes ops/shared.h, $private" exp old
    uproot ops/exp.c
    plant ops/ops.h '#include "tape.h"'
    expect "ops/ops.h includes tape.h, $private" exp old
    uproot ops/ops.h

    : >"$tree/tests/lib/test_new.c"
    expect 'tests/meson.build does not name tests/lib/test_new.c' exp old
    rm "$tree/tests/lib/test_new.c"
    : >"$tree/tests/ops/op_new.c"
    expect 'tests/ops/op_new.c tests no op' exp old
    plant tests/meson.build "{ 'op_exp': 'ops/op_new.c' }"
    expect '' exp old
    uproot tests/meson.build
    : >"$tree/ops/new.c"
    expect "new has no prototype: no tl_new( in ops/*.h
new $numbers" exp old new
    echo tl_apply >"$tree/ops/new.c"
    expect "new has no prototype: no tl_new( in ops/*.h
new has no tangent, and ops/new.c does not say why
new $numbers" exp old new
    rm "$tree/ops/new.c"
    plant ops/ops.h 'TL_API tl_node *tl_new(tl_node *a);'
    plant tests/torch/ops.h '    { "new", .unary = tl_new },'
    expect 'new is in the list of ops/meson.build, but there is no ops/new.c
tests/ops/op_new.c tests no op' exp old new
    echo 'no tangent' >"$tree/ops/new.c"
    rm "$tree/tests/ops/op_new.c"
    expect 'new has no test: there is no tests/ops/op_new.c' exp old new
    [ "$missed" -ne 0 ] || echo 'a sound tree passes; each kind of fault is found'
    exit "$missed"
}

if [ "$1" = --self-test ]; then
    self_test
fi
found=$(check "$@")
if [ -n "$found" ]; then
    echo "$found" | sed 's/^/check_ops: /' >&2
    exit 1
fi
shift
echo "$# ops: each has a file, a test, a list line, a prototype, a tangent unless it is composed, numbers by PyTorch or" \
    "a reason, public includes only"
