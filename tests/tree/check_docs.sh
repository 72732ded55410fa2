#!/bin/sh
# check_docs.sh SOURCE_ROOT: checks that the pages show programs that are built and run, and name what exists.
# check_docs.sh --self-test: checks that each kind of fault is found in a small tree, and that a sound one passes.
#
# A block of C follows a line that names its file: `<!-- docs/code/cube.c -->` for the whole of it,
# `<!-- in docs/code/cube.c -->` for consecutive lines, whose indentation may be taken off. Blocks of other
# languages may have such a line. `<!-- printed by docs/code/cube.c -->` is for check_output.sh, which the build
# has to call for that program.
# shellcheck disable=SC2086 # $pages is a list
set -eu

# Each function prints what is wrong, a line a fault.

blocks() {
    awk '
        function wrong(text) { printf "%s:%d: %s\n", FILENAME, begin, text }

        function not_closed() {
            if (inside)
                printf "%s:%d: this block is not closed\n", page, begin
            inside = 0
        }

        # Tells whether the block is what follows line `at` of the source, less this indentation.
        function is_after(at, indent,    k) {
            for (k = 1; k <= n; k++)
                if (source[at + k] != (block[k] == "" ? "" : indent block[k]))
                    return 0
            return 1
        }

        function compare(file, part,    lines, at, indent) {
            for (lines = 0; (getline source[lines + 1] < file) > 0;)
                lines++
            close(file)
            if (lines == 0)
                wrong("there is no " file)
            else if (n == 0)
                wrong("this block is empty")
            else if (!part && !(n == lines && is_after(0, "")))
                wrong("this block is not the whole of " file)
            if (lines == 0 || n == 0 || !part)
                return
            for (at = 0; at <= lines - n; at++) {
                indent = source[at + 1]
                sub(/[^ ].*/, "", indent)
                if (is_after(at, indent))
                    return
            }
            wrong("this block is not a part of " file)
        }

        FNR == 1 { not_closed() }
        /^ *(```|~~~)/ && (inside ? $0 != "```" : $0 !~ /^```[a-z]+$/) {
            begin = FNR
            wrong("a block begins with ```language and ends with ``` alone")
        }
        /^```/ && !inside {
            inside = 1
            page = FILENAME
            begin = FNR
            n = 0
            file = before ~ /^<!-- .* -->$/ ? substr(before, 6, length(before) - 9) : ""
            if (file == "" && /^```c(pp)?$/)
                wrong("no line before this block names its file")
            next
        }
        /^```/ {
            inside = 0
            if (file != "" && file !~ /^printed by /)
                compare(file ~ /^in / ? substr(file, 4) : file, file ~ /^in /)
        }
        inside { block[++n] = $0 }
        { before = $0 }
        END { not_closed() }
    ' $pages
}

# A section that a merge has left twice.
headings() {
    awk '
        FNR == 1 { inside = 0; split("", seen) }
        /^```/ { inside = !inside }
        inside || !/^#/ { next }
        $0 in seen { printf "%s:%d: the page has this heading already\n", FILENAME, FNR }
        { seen[$0] }
    ' $pages
}

programs() {
    for program in docs/code/*.c docs/code/*.py; do
        [ -e "$program" ] || continue
        grep -q "^<!-- .*$program -->\$" $pages || echo "$program: no page shows it"
        grep -q "'$(basename "$program")'" docs/code/meson.build || echo "$program: docs/code/meson.build omits it"
    done
}

outputs() {
    grep -o '^<!-- printed by .* -->$' $pages | sed 's/<!-- printed by //; s/ -->$//' | while IFS=: read -r page program; do
        name=$(basename "$program" .c)
        [ -e "$program" ] || echo "$page: there is no $program"
        grep -v '\.c' docs/code/meson.build | grep -q "'$name'" || echo "$page: docs/code/meson.build does not compare $program"
    done
}

# Links to files, and to headings by the anchors that GitHub gives them.
links() {
    for page in $pages CHANGELOG.md; do
        grep -o ']([^):]*)' "$page" | sed 's/^](//; s/)$//' | sort -u | while IFS='#' read -r target anchor; do
            case $target in
            '') target=$page ;;
            *) target=$(dirname "$page")/$target ;;
            esac
            if [ ! -e "$target" ]; then
                echo "$page: there is no ${target#./}"
            elif [ -n "$anchor" ] && ! anchors "$target" | grep -qxFe "$anchor"; then
                echo "$page: there is no heading #$anchor in ${target#./}"
            fi
        done
    done
}

anchors() {
    sed -n 's/^##* //p' "$1" | tr '[:upper:] ' '[:lower:]-' | sed 's/[^a-z0-9_-]//g'
}

# Exported and internal names. One that ends in _* stands for many; symbols may end in their number type.
names() {
    grep -rhoEw '(tl|TL|TULLE)_[A-Za-z0-9_]+' lib graph ops include extra demos tests meson.build | sort -u >"$known"
    grep -oEw '(tl|TL|TULLE)_[A-Za-z0-9_]*[A-Za-z0-9]' $pages | sort -u | awk -F: '
        NR == FNR { known[$1]; next }
        { name = $2 }
        !(name in known) { sub(/_(float|double)$/, "", name) }
        !(name in known) { print $1 ": no source names " $2 }
    ' "$known" -
}

# Paths in backquotes; those with a word in capitals, such as `ops/NAME.c`, stand for many.
paths() {
    grep -oE '`(lib|graph|ops|include|extra|tests|demos|docs|packaging|\.ci)/[A-Za-z0-9_./-]*`' $pages | sort -u |
        while IFS=: read -r page path; do
            path=$(echo "$path" | tr -d '`')
            case $path in
            *NAME*) ;;
            *) [ -e "$path" ] || echo "$page: there is no $path" ;;
            esac
        done
}

# Commands of dev: its last `case` has a line for each.
commands() {
    grep -oE '\./dev [a-z]+' $pages | sort -u | while IFS=: read -r page command; do
        grep -qE "^${command#./dev }( |\))" dev || echo "$page: there is no $command"
    done
}

# The first sentence of each demo, which `./dev demo` lists beside its name: 60 letters fit in 80 columns.
demos() {
    { grep -l '^int main(' demos/*.c || true; } | grep -v '/convert\.c$' | while read -r demo; do
        sed -n '1{s|^/\* ||; s|\. .*|.|; p;}' "$demo" | grep -qE '^.{1,59}\.$' ||
            echo "$demo: the first sentence does not end within 60 letters"
    done
}

# Prints the faults of the tree at $1.
check() {
    cd "$1"
    pages=$(find README.md CONTRIBUTING.md docs -name '*.md' | sort)
    known=$(mktemp)
    blocks
    headings
    programs
    outputs
    links
    names
    paths
    commands
    demos
    rm -f "$known"
}

# ---- Self-test ----

# expect TEXT FILE LINE...: checks that a fault with this text is found when these lines are added to the file.
expect() {
    text=$1 file=$2
    shift 2
    cp "$tree/$file" "$tree/sound"
    printf '%s\n' "$@" >>"$tree/$file"
    if ! (check "$tree") | grep -qF "$text"; then
        echo "not found: $text" >&2
        missed=1
    fi
    mv "$tree/sound" "$tree/$file"
}

self_test() {
    missed=0
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    for folder in lib graph ops include extra demos tests docs/code docs/ops; do
        mkdir -p "$tree/$folder"
    done
    touch "$tree/meson.build" "$tree/CONTRIBUTING.md"
    printf '%s\n' 'int main(void)' '{' '    tl_call();' '' '    return 0;' '}' >"$tree/docs/code/a.c"
    echo "files('a.c')" >"$tree/docs/code/meson.build"
    echo 'int tl_call(void);' >"$tree/lib/call.h"
    echo 'run) run ;;' >"$tree/dev"
    printf '%s\n' '/* Runs. And more. */' 'int main(void)' >"$tree/demos/a.c"
    echo '# The top, of all' | tee "$tree/CHANGELOG.md" >"$tree/docs/a.md"
    echo 'See [a](../a.md#the-top-of-all).' >"$tree/docs/ops/b.md"
    echo 'See [a](docs/a.md#the-top-of-all), `./dev run`, `tl_call`, `tl_many_*`, `lib/call.h` and `ops/NAME.c`.' >"$tree/README.md"
    { echo '<!-- docs/code/a.c -->' && echo '```c' && cat "$tree/docs/code/a.c" && echo '```'; } >>"$tree/docs/a.md"
    printf '%s\n' '<!-- in docs/code/a.c -->' '```c' 'tl_call();' '' 'return 0;' '```' >>"$tree/docs/a.md"
    printf '%s\n' "prints = ['a']" >>"$tree/docs/code/meson.build"
    found=$(check "$tree")
    if [ -n "$found" ]; then
        printf 'in a sound tree: %s\n' "$found" >&2
        missed=1
    fi
    expect 'docs/a.md:17: no line before' docs/a.md '```c' 'return 0;' '```'
    expect 'there is no docs/code/b.c' docs/a.md '<!-- docs/code/b.c -->' '```c' 'return 0;' '```'
    expect 'is not the whole of' docs/a.md '<!-- docs/code/a.c -->' '```c' 'int main(void)' '```'
    expect 'is not a part of' docs/a.md '<!-- in docs/code/a.c -->' '```c' 'return 1;' '```'
    expect 'is not a part of' docs/a.md '<!-- in docs/code/a.c -->' '```c' 'tl_call();' 'return 0;' '```'
    expect 'is empty' docs/a.md '<!-- in docs/code/a.c -->' '```c' '```'
    expect 'does not compare docs/code/b.c' docs/a.md '<!-- printed by docs/code/b.c -->' '```text' '1' '```'
    expect 'docs/a.md: there is no docs/code/b.c' docs/a.md '<!-- printed by docs/code/b.c -->' '```text' '1' '```'
    expect 'docs/a.md:17: this block is not closed' docs/a.md '```sh' 'exit'
    for fence in '```c ' '```C' ' ```c' '~~~c' '```'; do
        expect 'docs/a.md:17: a block begins with' docs/a.md "$fence" 'return 0;' '```'
    done
    expect 'docs/a.md:17: the page has this heading already' docs/a.md '# The top, of all'
    expect 'CHANGELOG.md: there is no b.md' CHANGELOG.md 'See [b](b.md).'
    expect 'docs/a.md: there is no heading #b in docs/a.md' docs/a.md 'See [b](#b).'
    expect 'README.md: there is no heading #b in docs/a.md' README.md 'See [b](docs/a.md#b).'
    expect 'docs/ops/b.md: there is no docs/ops/a.md' docs/ops/b.md 'See [a](a.md).'
    expect 'README.md: there is no ./dev walk' README.md 'Call `./dev walk`.'
    expect 'README.md: there is no docs/b.md' README.md 'See [b](docs/b.md).'
    expect 'no source names tl_cal' README.md 'Call `tl_cal`.'
    expect 'no source names tl_cal_float' README.md 'Call `tl_call_float` and `tl_cal_float`.'
    expect 'README.md: there is no lib/cal.h' README.md 'See `lib/cal.h`.'
    echo 'int main(void) { return 0; }' >"$tree/docs/code/c.c"
    expect 'docs/code/c.c: no page shows it' README.md ''
    expect 'docs/code/meson.build omits it' README.md ''
    rm "$tree/docs/code/c.c"
    echo 'print(1)' >"$tree/docs/code/c.py"
    expect 'docs/code/c.py: no page shows it' README.md ''
    expect 'docs/code/meson.build omits it' README.md ''
    printf '%s\n' "/* Runs$(printf '%60s' ''). */" 'int main(void)' >"$tree/demos/b.c"
    expect 'demos/b.c: the first sentence does not end within 60 letters' README.md ''
    [ "$missed" -ne 0 ] || echo 'every fault is found'
    exit "$missed"
}

[ "$1" != --self-test ] || self_test
faults=$(check "$1")
if [ -n "$faults" ]; then
    echo "$faults" | sed 's/^/check_docs: /' >&2
    exit 1
fi
cd "$1"
echo "$(find README.md CONTRIBUTING.md docs -name '*.md' -exec cat {} + | grep -c '^```c$') blocks of C: each is in its file"
