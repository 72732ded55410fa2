#!/bin/sh
# check_output.sh SOURCE_ROOT PROGRAM FILE: checks that a program prints what a page shows after the line
# `<!-- printed by FILE -->`, FILE being its source.
set -eu

shown=$(awk -v mark="<!-- printed by $3 -->" '
    inside && /^```$/ { exit }
    inside
    before == mark && /^```/ { inside = 1 }
    { before = $0 }
' "$1"/docs/*.md)
printed=$("$2")
if [ "$printed" != "$shown" ]; then
    printf 'check_output: %s prints\n%s\nand a page shows\n%s\n' "$3" "$printed" "$shown" >&2
    exit 1
fi
