#!/bin/sh
# check_prune_at_init.sh DEMO: checks what prune_at_init prints, that its metric holds on a small budget, and how
# it fails.
set -u

demo=$(readlink -f "$1") # from another folder
[ -x "$demo" ] || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
export LC_ALL=C

wrong() {
    printf '%s\n' "$*" >&2
    failed=1
}

# run STATUS ARGUMENT...: runs the demo; out and err are what it says.
run() {
    expected=$1
    shift
    "$demo" "$@" >out 2>err
    status=$?
    [ "$status" -eq "$expected" ] || wrong "prune_at_init $*: exit status $status, not $expected: $(cat err)"
}

# fails STATUS MESSAGE ARGUMENT...: checks that the demo fails with this line on stderr.
fails() {
    expected=$1 message=$2
    shift 2
    run "$expected" "$@"
    [ "$(cat err)" = "prune_at_init: $message" ] || wrong "prune_at_init $*: $(cat err)"
}

# ---- The metric, and the same bits on any number of threads ----

for threads in 1 2 7; do
    run 0 --epochs 5 --seeds 2 --density 0.02,0.1 --batch 64 --threads $threads --csv $threads.csv --json $threads.json
    [ ! -s err ] || wrong "stderr: $(cat err)"
    mv out $threads.out
done
for threads in 2 7; do
    for what in csv json out; do
        cmp 1.$what $threads.$what || wrong "$threads threads: another $what"
    done
done
[ "$(wc -l <1.csv)" -eq 27 ] || wrong "the table: $(cat 1.csv)" # 2 seeds of dense and of 6 choices at 2 densities
grep -q '^At 2 % SNIP, SynFlow and GraSP beat the other choices by [0-9.]* points or more\.$' 1.out ||
    wrong "the last line: $(cat 1.out)"
awk 'length > 80 { exit 1 }' 1.out || wrong "wider than 80 columns: $(cat 1.out)"

# exactly as many connections as the density allows, of 256 * 256 + 256 * 128 + 128 * 10
awk -F, 'NR > 1 && $6 + $7 + $8 != int($2 * 99584 + 0.5) { exit 1 }' 1.csv || wrong "connections: $(cat 1.csv)"
python3 -m json.tool 1.json >/dev/null 2>&1 || ! command -v python3 >/dev/null || wrong "JSON: $(cat 1.json)"

# ---- Failures ----

# Nothing is removed, so nothing is better.
run 1 --epochs 1 --seeds 1 --density 1 --learning-rate 1e-30 --hidden 1
grep -qx 'prune_at_init: at 100 %, [^ ]* ([0-9.]* %) is not better than [^ ]* ([0-9.]* %)' err ||
    wrong "--density 1: $(cat err)"
run 0 --help
awk 'length > 80 { exit 1 }' out || wrong "--help is wider than 80 columns: $(cat out)"
for word in --density --seeds SynFlow Examples 'exit status'; do
    grep -q -e "$word" out || wrong "--help does not name $word"
done
see='(see --help)'
list='a list of 1 to 8 numbers above 0, at most 1'
fails 2 "--deep: there is no such flag $see" --deep 3
fails 2 "--epochs: needs a whole number from 1 to 10000 $see" --epochs
fails 2 "--epochs: '0' is not a whole number from 1 to 10000 $see" --epochs 0
fails 2 "--seeds: '101' is not a whole number from 1 to 100 $see" --seeds=101
fails 2 "--batch: '-1' is not a whole number from 1 to 65536 $see" --batch -1
fails 2 "--density: '0' is not $list $see" --density 0
fails 2 "--density: '0.1,' is not $list $see" --density 0.1,
fails 2 "--density: '1.5' is not $list $see" --density 1.5
fails 2 "--hidden: '8,x' is not a list of 1 to 8 layer sizes, each 1 to 4096 $see" --hidden 8,x
fails 2 "--learning-rate: 'nan' is not a number above 0 $see" --learning-rate nan
fails 2 "--seed: '18446744073709551616' is not a whole number from 0 to 18446744073709551615 $see" \
    --seed 18446744073709551616
fails 2 "--csv: '' is not the name of a file $see" --csv ''
fails 1 'no/a.csv: No such file or directory' --csv no/a.csv
run 1 --data no
[ "$(wc -l <err)" -eq 1 ] || wrong "--data no: $(cat err)"
run 1 --learning-rate 1e38 --epochs 1 --seeds 1
[ "$(wc -l <err)" -eq 1 ] || wrong "--learning-rate 1e38: $(cat err)"
exit $failed
