#!/bin/sh
# check_words.sh ROOT: prints words that were banished from the sources, with what to write instead, lines of
# more than 110 columns (clang-format does not wrap comments), or 130 of Python, files and functions that are too
# long. Fails if it prints any of these.
# check_words.sh --self-test: checks that each of these is found in a small tree, and that a sound one passes.
set -eu

# The words: extended regular expressions in lower case, where < and > stand for the edge of a word, also in
# an_identifier. Each is followed by what to write instead. Those of prose are looked for in the docs, tests and
# demos, too.
words() {
    cat <<'END'
prose   befall                          happen to
prose   <besides>                       also
prose   foresee                         prefetch, or predict
prose   so-many                         say which
prose   way out                         exit
prose   would else                      otherwise
prose   is no tl_                       is not a tl_
prose   (is not|not within) 0 to        is not in 0..N
code    <apart>                         row_refs, separate, or stride
code    are_their_sums                  can_use_uncopied
code    ask_shape                       run_shape
code    (catch|caught|catches)[_ ]up    replay
code    came_short                      read_failed
code    <dust>                          subnormal
code    <(four|one|tl)_near>            col16
code    hand_on                         grad_pass
code    <judg(e|es|ed|ing)>             check, compare, or decide
code    <lasting>                       stable
code    lies_well                       has_unit_stride
code    rows_named                      rows_declared
code    <room>                          workspace, buffer, capacity, or limit
code    <settle[sd]?>                   replay_pending, or decide
code    (take|leave)_spare              reuse, recycle
code    <staff>                         start_workers
code    stated\.[ch]|tl_stated          reference
code    stay_finite                     bounded_finite
code    stretch                         range, strip, or chunk
code    <swept>                         dense_step_seen
code    tl_failures                     tl_error_count
code    tl_fail_named                   tl_fail_default
code    tl_idle                         tl_zero_grad
code    <(tl|update)_kept               held, or masked
code    <turned>                        transposed
code    update_together                 update_contiguous
code    x_changes                       x_mutable
END
}

# sources FOLDER...: the C and C++ files in those of the folders that are there; scripts FOLDER...: the Python files
sources() {
    for folder; do
        [ ! -d "$root/$folder" ] ||
            (cd "$root" && find "$folder" -type f '(' -name '*.[ch]' -o -name '*.h.in' -o -name '*.cpp' ')')
    done | sort
}

scripts() {
    for folder; do
        [ ! -d "$root/$folder" ] || (cd "$root" && find "$folder" -type f -name '*.py')
    done | sort
}

# find_words KIND FILE...: file:line: the word and what to write instead. KIND: prose, or code for all words.
find_words() {
    kind=$1
    shift
    words | (cd "$root" && awk -v kind="$kind" '
        FILENAME == "-" {
            if (kind == "code" || $1 == "prose") {
                line = $0
                sub(/^[a-z]+ +/, "", line)
                match(line, /   */)
                word = substr(line, 1, RSTART - 1)
                instead[++n] = substr(line, RSTART + RLENGTH)
                gsub(/</, "(^|[^a-z])", word)
                gsub(/>/, "([^a-z]|$)", word)
                pattern[n] = word
                any = any (n > 1 ? "|" : "") word
            }
            next
        }
        tolower($0) ~ any {
            for (k = 1; k <= n; k++)
                if (match(tolower($0), pattern[k])) {
                    found = substr($0, RSTART, RLENGTH)
                    gsub(/^[^A-Za-z]+|[^A-Za-z]+$/, "", found)
                    printf "%s:%d: \"%s\": %s\n", FILENAME, FNR, found, instead[k]
                }
        }' - "$@")
}

# too_long COLUMNS LINES FILE...
too_long() {
    columns=$1 lines=$2
    shift 2
    (cd "$root" && awk -v columns="$columns" -v lines="$lines" '
        length($0) > columns { printf "%s:%d: a line of more than %d columns\n", FILENAME, FNR, columns }
        FNR == lines + 1 { printf "%s:%d: a file of more than %d lines\n", FILENAME, FNR, lines }' "$@")
}

# too_much LINES FILE...: functions whose body, between the braces that clang-format puts at the margin, is longer
too_much() {
    lines=$1
    shift
    (cd "$root" && awk -v lines="$lines" '
        FNR == 1 { begin = 0 }
        $0 == "{" { begin = FNR }
        /^}/ && begin {
            if (FNR - begin - 1 > lines)
                printf "%s:%d: a function of more than %d lines\n", FILENAME, begin, lines
            begin = 0
        }' "$@")
}

# shellcheck disable=SC2046 # lists of files, whose names have no spaces
check() {
    root=$1
    find_words code $(sources lib graph ops include extra)
    find_words prose $(sources docs tests demos) $(scripts docs tests demos) $(cd "$root" && ls -- *.md && find docs -name '*.md')
    too_long 110 450 $(sources lib graph ops include extra docs tests demos)
    too_long 130 450 $(scripts docs tests demos)
    too_much 52 $(sources lib graph ops include extra tests demos)
}

# ---- Self-test ----

# expect PLACE FILE LINES: checks that something is found at the place when the file ends with these lines
expect() {
    cp "$tree/$2" "$tree/sound"
    printf '%s\n' "$3" >>"$tree/$2"
    if ! check "$tree" | grep -q "^$1: "; then
        echo "not found: $3" >&2
        missed=1
    fi
    mv "$tree/sound" "$tree/$2"
}

self_test() {
    missed=0
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    mkdir -p "$tree/lib/io" "$tree/graph" "$tree/ops" "$tree/include/tulle" "$tree/docs/ops" "$tree/tests"
    for file in lib/io/a.c graph/b.h ops/c.c include/tulle/tulle.h lib/version.h.in tests/d.c tests/e.cpp tests/f.py; do
        echo '/* Returns, roomy, apartment, unturned: not the words. */' >"$tree/$file"
    done
    echo 'A tree with much room, apart from its docs.' | tee "$tree/docs/a.md" "$tree/docs/ops/b.md" "$tree/CHANGELOG.md" >"$tree/README.md"
    found=$(check "$tree")
    if [ -n "$found" ]; then
        printf 'in a sound tree: %s\n' "$found" >&2
        missed=1
    fi
    expect lib/io/a.c:2 lib/io/a.c '/* What a chip cannot foresee. */'
    expect graph/b.h:2 graph/b.h 'int32_t take_room(void);'
    expect graph/b.h:2 graph/b.h 'enum { STRETCH = 256 };'
    expect ops/c.c:2 ops/c.c 'bool a_turned;'
    expect ops/c.c:2 ops/c.c '    return tl_fail(TL_ERR_ARGUMENT, "%d is no tl_trans", (int)t);'
    expect include/tulle/tulle.h:2 include/tulle/tulle.h '/* Op authors include op.h besides. */'
    expect docs/a.md:2 docs/a.md 'It would else be found.'
    expect docs/ops/b.md:2 docs/ops/b.md 'It would else be found.'
    expect README.md:2 README.md 'The docs are here besides.'
    line=$(printf '%111s' x)
    expect lib/io/a.c:2 lib/io/a.c "$line"
    expect tests/d.c:2 tests/d.c "$line"
    expect lib/version.h.in:2 lib/version.h.in '/* Of these headers besides. */'
    expect tests/d.c:2 tests/d.c '/* A test besides. */'
    expect tests/e.cpp:2 tests/e.cpp "$line"
    expect CHANGELOG.md:2 CHANGELOG.md 'Averages besides.'
    long=$(seq 53 | sed 's/$/;/')
    expect graph/b.h:3 graph/b.h "void f(void)
{
$long
}"
    expect tests/d.c:3 tests/d.c "START_TEST(f)
{
$long
}"
    expect ops/c.c:451 ops/c.c "$(seq 450)"
    expect tests/e.cpp:451 tests/e.cpp "$(seq 450)"
    expect tests/f.py:451 tests/f.py "$(seq 450)"
    expect tests/f.py:2 tests/f.py "# $(printf '%129s' x)"
    exit "$missed"
}

if [ "$1" = --self-test ]; then
    self_test
fi
found=$(check "$1")
if [ -n "$found" ]; then
    printf '%s\n' "$found" >&2
    exit 1
fi
echo "no banished word, no line of more than 110 columns, no file of more than 450 lines, no function of more than 52"
