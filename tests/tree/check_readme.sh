#!/bin/sh
# The program in README.md is demos/first_network.c, to the letter. Argument: the source root.
set -eu

root=$1
if ! sed -n '/^```c$/,/^```$/p' "$root/README.md" | sed '/^```/d' | diff - "$root/demos/first_network.c"; then
    echo "the program in README.md is not demos/first_network.c (< README.md, > the demo)" >&2
    exit 1
fi
echo "the program in README.md is demos/first_network.c"
