#!/bin/sh
# check_entries.sh SOURCE_ROOT: checks that the pages of docs/ops describe each op of ops/*.h, and nothing else.
# check_entries.sh --self-test: checks that each kind of fault is found in a small tree, and that a sound one passes.
#
# A prototype of a header follows a comment of its own, whose first sentence is the formula: `Y = max(A, 0).` An entry
# of a page is a heading, `## tl_relu`, whose text begins with the same sentence, or a row of a table, whose first two
# cells are the name and the formula: | `tl_relu` | Y = max(A, 0) |. White space and the final period do not count, and
# a table has \| for |. A block of C on the page calls the op, and docs/ops.md lists it in the line of that page.
set -eu

# Prints what is wrong, a line a fault.
check() {
    cd "$1"
    awk '
        # Returns the first sentence, without its period. The periods of "a .. b" end none.
        function sentence(text) {
            gsub(/[ \t]+/, " ", text)
            gsub(/^ | $/, "", text)
            return match(text, /[^ .][.]( |$)/) ? substr(text, 1, RSTART) : text
        }

        function enter(name, text, file) {
            if (name in page)
                print file ": " name " has another entry in " page[name]
            page[name] = file
            entries[++n_entries] = name
            said[name] = sentence(text)
        }

        # Ends the text of the entry that a heading began.
        function close_entry() {
            if (heading != "")
                enter(heading, text, of_heading)
            heading = ""
        }

        # ---- The headers ----

        FILENAME ~ /^ops\// {
            line = $0
            if (line ~ /^\/\*/)
                comment = ""
            if (line ~ /^\/\*/ || in_comment) {
                in_comment = line !~ /\*\/$/
                gsub(/^\/\*|^ \*|\*\/$/, "", line)
                comment = comment " " line
            } else if (line ~ /^TL_API tl_node \*tl_[a-z0-9_]*\(/) {
                gsub(/^[^*]*\*|\(.*/, "", line)
                ops[++n_ops] = line
                formula[line] = sentence(comment)
                header[line] = FILENAME
                if (formula[line] !~ /^Y.* = /)
                    print FILENAME ": no comment of its own begins with the formula of " line ", as \"Y = A B.\" does"
                comment = ""
            } else if (line != "")
                comment = ""
            next
        }

        # ---- The pages ----

        FNR == 1 || /^#/ || /^```/ || /^<!--/ || (/^$/ && text != "") { close_entry() }
        FNR == 1 { inside = 0 }
        /^```/ { inside = !inside }
        inside {
            for (line = $0; match(line, /tl_[a-z0-9_]*\(/); line = substr(line, RSTART + RLENGTH))
                called[FILENAME, substr(line, RSTART, RLENGTH - 1)]
            next
        }
        /^##+ tl_[a-z0-9_]*$/ {
            heading = $2
            of_heading = FILENAME
            text = ""
            next
        }
        heading != "" { text = text " " $0 }
        /^\| `tl_[a-z0-9_]*` \|/ {
            line = $0
            gsub(/\\\|/, "\001", line)
            split(line, cell, / *\| */)
            gsub(/`/, "", cell[2])
            gsub("\001", "|", cell[3])
            enter(cell[2], cell[3], FILENAME)
        }
        FILENAME == "docs/ops.md" && match($0, /\]\(ops\/[a-z_]*\.md\)/) {
            of = "docs/" substr($0, RSTART + 2, RLENGTH - 3)
            for (line = $0; match(line, /`tl_[a-z0-9_]*`/); line = substr(line, RSTART + RLENGTH))
                listed[substr(line, RSTART + 1, RLENGTH - 2)] = of
        }

        END {
            close_entry()
            for (k = 1; k <= n_ops; k++)
                if (!(ops[k] in page))
                    print ops[k] " has no entry in docs/ops/*.md"
            for (k = 1; k <= n_entries; k++) {
                name = entries[k]
                if (!(name in formula)) {
                    print page[name] ": no header declares the op " name
                    continue
                }
                if (said[name] != formula[name])
                    print page[name] ": the formula of " name " is\n    " said[name] "\n  in " header[name] "\n    " formula[name]
                if (!((page[name], name) in called))
                    print page[name] ": no block of C calls " name
                if (listed[name] != page[name])
                    print "docs/ops.md does not list " name " in the line of " page[name]
            }
            for (name in listed)
                if (listed[name] != "" && !(name in page))
                    print "docs/ops.md lists " name ", which has no entry"
        }
    ' ops/*.h docs/ops.md docs/ops/*.md
}

# ---- Self-test ----

# expect TEXT FILE SED: checks that this is found, and nothing else, after a command of sed on the file
expect() {
    cp "$tree/$2" "$tree/sound"
    sed "$3" "$tree/sound" >"$tree/$2"
    found=$(check "$tree")
    if [ "$found" != "$1" ]; then
        printf 'expected: %s\nfound: %s\n' "$1" "$found" >&2
        missed=1
    fi
    mv "$tree/sound" "$tree/$2"
}

self_test() {
    missed=0
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    mkdir -p "$tree/ops" "$tree/docs/ops"
    cat >"$tree/ops/ops.h" <<'END'
/* A header. Y = 0. */
#include "graph.h"

/* Y = the elements begin .. end-1
 * of A. dA = dY there. */
TL_API tl_node *tl_slice(tl_node *a,
                         int64_t begin, int64_t end);

/* Y = |A|. */
TL_API tl_node *tl_abs(tl_node *a);
END
    cat >"$tree/docs/ops.md" <<'END'
| [Moves](ops/moves.md) | `tl_slice` |
| [Functions](ops/functions.md) | `tl_abs` |
END
    cat >"$tree/docs/ops/moves.md" <<'END'
# Moves

## tl_slice

Y = the elements  begin .. end-1 of
A. There is more.

```c
y = tl_slice(a, 0, 1);
```
END
    cat >"$tree/docs/ops/functions.md" <<'END'
| op | Y |
| --- | --- |
| `tl_abs` | Y = \|A\| | more |

```c
y = tl_abs(a);
```
END
    moves=docs/ops/moves.md functions=docs/ops/functions.md
    expect '' ops/ops.h ''
    expect '' $moves '/^$/d'
    expect 'tl_neg has no entry in docs/ops/*.md' ops/ops.h '$a /* Y = -A. */\nTL_API tl_node *tl_neg(tl_node *a);'
    expect "tl_slice has no entry in docs/ops/*.md
docs/ops.md lists tl_slice, which has no entry" $moves '/^##/d'
    expect "$functions: no header declares the op tl_neg" $functions '$a | `tl_neg` | Y = -A |'
    expect "$functions: no header declares the op tl_neg" $functions '$a ## tl_neg\nY = -A'
    expect "$moves: no header declares the op tl_neg" $moves '$a ### tl_neg'
    expect "$functions: the formula of tl_abs is
    Y = |B|
  in ops/ops.h
    Y = |A|" $functions 's/|A/|B/'
    expect "$moves: the formula of tl_slice is
    Y = the elements begin .. end-1 of B
  in ops/ops.h
    Y = the elements begin .. end-1 of A" $moves 's/^A\./B./'
    expect "$moves: the formula of tl_slice is
    Y = the elements begin .. end-1 of A
  in ops/ops.h
    Y = the elements begin .. end-2 of A" ops/ops.h 's/end-1/end-2/'
    none='ops/ops.h: no comment of its own begins with the formula of tl_abs, as "Y = A B." does'
    expect "$none
$functions: the formula of tl_abs is
    Y = |A|
  in ops/ops.h
    " ops/ops.h '/|A|/d'
    expect "$none
$functions: the formula of tl_abs is
    Y = |A|
  in ops/ops.h
    The result is |A|" ops/ops.h 's/Y = |A|/The result is |A|/'
    expect "$functions: no block of C calls tl_abs" $functions 's/^y.*/tl_absent(a), tl_abs/'
    expect 'docs/ops.md does not list tl_abs in the line of docs/ops/functions.md' docs/ops.md 's/tl_abs//'
    expect 'docs/ops.md does not list tl_abs in the line of docs/ops/functions.md' docs/ops.md 's/functions/moves/'
    expect 'docs/ops.md lists tl_neg, which has no entry' docs/ops.md 's/`tl_abs`/&, `tl_neg`/'
    expect "$functions: tl_abs has another entry in $functions" $functions '3p'
    [ "$missed" -ne 0 ] || echo 'a sound tree passes; each kind of fault is found'
    exit "$missed"
}

[ "$1" != --self-test ] || self_test
faults=$(check "$1")
if [ -n "$faults" ]; then
    echo "$faults" | sed 's/^/check_entries: /' >&2
    exit 1
fi
echo "$(cat "$1"/ops/*.h | grep -c '^TL_API tl_node \*tl_') ops: each has its entry, with the formula of its header and an example"
