#!/bin/sh
# check_output.sh SOURCE_ROOT FILE PROGRAM [ARGUMENT...]: checks that a program prints what a page shows after the
# line `<!-- printed by FILE -->`, FILE being its source. Fails as the program fails.
set -eu

root=$1 file=$2
shift 2

shown=$(awk -v mark="<!-- printed by $file -->" '
    inside && /^```$/ { exit }
    inside
    before == mark && /^```/ { inside = 1 }
    { before = $0 }
' "$root"/docs/*.md "$root"/docs/ops/*.md)
printed=$("$@")
if [ "$printed" != "$shown" ]; then
    printf 'check_output: %s prints\n%s\nand a page shows\n%s\n' "$file" "$printed" "$shown" >&2
    exit 1
fi
