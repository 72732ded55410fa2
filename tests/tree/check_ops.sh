#!/bin/sh
# check_ops.sh SOURCE_ROOT OP...: an op is its file, its test, its line in the list of ops/meson.build (the OPs) and
# its prototype in ops/ops.h; any other test is its file and its word in a list of tests/meson.build. Says which of
# them has been forgotten.
set -eu

root=$1
shift
status=0

forgotten() {
    echo "check_ops: $*" >&2
    status=1
}

for file in "$root"/ops/*.c; do
    op=$(basename "$file" .c)
    case " $* " in
    *" $op "*) ;;
    *) forgotten "ops/$op.c is not in the list of ops/meson.build" ;;
    esac
done

for op; do
    [ -f "$root/ops/$op.c" ] || forgotten "$op is in the list of ops/meson.build, but there is no ops/$op.c"
    [ -f "$root/tests/ops/op_$op.c" ] || forgotten "$op has no test: there is no tests/ops/op_$op.c"
    grep -q "^TL_API .*[ *]tl_$op(" "$root/ops/ops.h" || forgotten "$op has no prototype: no tl_$op( in ops/ops.h"
done

for file in "$root"/tests/lib/test_*.c "$root"/tests/graph/test_*.c; do
    name=$(basename "$file" .c)
    grep -qE "'${name#test_}'|$name\.c'" "$root/tests/meson.build" ||
        forgotten "tests/meson.build does not name ${file#"$root/"}"
done
for file in "$root"/tests/ops/op_*.c; do
    op=$(basename "$file" .c)
    [ -f "$root/ops/${op#op_}.c" ] || forgotten "tests/ops/$op.c tests no op"
done

[ "$status" -ne 0 ] || echo "$# ops: each has a file, a test, a list line and a prototype"
exit "$status"
