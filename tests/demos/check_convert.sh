#!/bin/sh
# check_convert.sh TOOL CHECKPOINT_FILES [FEATURE]...: checks tulle-convert, with the help of the program
# checkpoint_files. Features that they were built with: jansson, minizip.
# shellcheck disable=SC2059 # formats are constant
set -u

tool=$(readlink -f "$1") # from another folder
checkpoint_files=$(readlink -f "$2")
[ -x "$tool" ] && [ -x "$checkpoint_files" ] || exit 1
shift 2
features=" $* "
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
unset LC_CTYPE
export LC_ALL=C

wrong() {
    printf '%s\n' "$*" >&2
    failed=1
}

has() {
    case $features in *" $1 "*) ;; *) return 1 ;; esac
}

# run STATUS ARGUMENT...: runs the tool; out and err are what it says.
run() {
    expected=$1
    shift
    "$tool" "$@" >out 2>err
    status=$?
    [ "$status" -eq "$expected" ] || wrong "tulle-convert $*: exit status $status, not $expected: $(cat err)"
}

# says FILE TEXT...: checks that a file is exactly these lines.
says() {
    file=$1
    shift
    printf '%s\n' "$@" >expected
    diff -u expected "$file" >difference || wrong "$file: $(cat difference)"
}

# fails STATUS MESSAGE ARGUMENT...: checks that the tool fails with this line on stderr and nothing on stdout.
fails() {
    expected=$1 message=$2
    shift 2
    run "$expected" "$@"
    says err "tulle-convert: $message"
    [ ! -s out ] || wrong "tulle-convert $*: printed $(cat out)"
}

same() {
    cmp -s "$1" "$2" || wrong "$1 and $2 differ: $(od -c "$1" | head -5; od -c "$2" | head -5)"
}

# ---- The command line ----

run 0 --help
for word in mtx npy npz safetensors svmlight csv idx info plot --pattern --svg 'Exit status'; do
    grep -q -e "$word" out || wrong "--help does not name $word"
done
run 0 --version
grep -q '^tulle-convert [0-9.]*$' out || wrong "--version: $(cat out)"
see='(see tulle-convert --help)'
fails 2 "wants IN and OUT, got 0 files $see"
fails 2 "wants IN and OUT, got 1 file $see" a.mtx
fails 2 "unknown option --into $see" --into a.mtx b.mtx
fails 2 "no format is called 'xls' $see" --from xls a b
fails 2 "--from wants FORMAT $see" a.mtx b.mtx --from
fails 2 "--sparse takes no value $see" --sparse=1 a.mtx b.mtx
fails 2 "--svg is not an option of a conversion $see" --svg x a.mtx b.mtx
fails 2 "--dense goes with neither --sparse nor --pattern $see" --dense --sparse a.mtx b.mtx
fails 2 "--drop goes with --pattern $see" --drop a.mtx b.mtx
fails 2 "--type wants float32, int64 and the like, got 'f4' $see" --type f4 a.mtx b.mtx
fails 2 "--order wants file or degree, got 'up' $see" info --order up a.mtx
fails 2 "--separator wants one character or tab, got 'ab' $see" --separator ab a.csv b.csv
fails 2 "info wants a file $see" info
fails 2 "plot wants --svg OUT $see" plot a.jsonl
fails 2 "--log and --linear exclude each other $see" plot a.jsonl --svg a.svg --log --linear
fails 1 'a.txt: the end of the name tells no format; see --help' a.txt b.mtx
fails 1 'mtx_read: a.mtx: No such file or directory' a.mtx b.mtx

# ---- A sparse matrix to every format and back ----

cat >a.mtx <<END
%%MatrixMarket matrix coordinate real general
3 4 4
1 1 0.1
1 4 -2
3 2 1e-300
3 3 3
END
for format in mtx npz safetensors; do
    has minizip || [ $format != npz ] || continue
    has jansson || [ $format != safetensors ] || continue
    run 0 a.mtx b.$format
    run 0 b.$format back.mtx
    same a.mtx back.mtx
done
for format in npy idx; do
    run 0 a.mtx b.$format
    run 0 --sparse b.$format back.mtx
    same a.mtx back.mtx
done
run 0 a.mtx b.svm
run 0 --name features b.svm back.mtx
same a.mtx back.mtx
run 0 a.mtx b.csv
says b.csv 1,2,3,4 0.1,0,0,-2 0,0,0,0 0,1e-300,3,0
says b.svm '0 1:0.1 4:-2' 0 '0 2:1e-300 3:3'
[ ! -s out ] || wrong "a conversion prints $(cat out)"

gzip -k -f a.mtx
if "$tool" a.mtx.gz back.mtx 2>err; then
    same a.mtx back.mtx
else
    grep -q 'without zlib' err || wrong "a.mtx.gz: $(cat err)"
fi
fails 1 'b.mtx.gz: files are not written gzipped' a.mtx b.mtx.gz

# several arrays, of which one is chosen
printf '1 qid:7 2:5\n-1 qid:8 1:3 # words\n' >c.svm
if has minizip; then
    run 0 c.svm c.npz
    run 0 c.npz back.svm
    says back.svm '1 qid:7 2:5' '-1 qid:8 1:3'
    fails 1 'npy holds one array, not 3 (labels, qid, features); --name chooses' c.npz c.npy
    run 0 --name qid c.npz c.csv
    says c.csv qid 7 8
    fails 1 'no array is called x; tulle-convert info prints the names' --name x c.npz c.npy
fi

# ---- CSV ----

printf 'a;"b;c"\n1;"x ""y"""\n2;z\n' >d.csv
run 0 --separator ';' d.csv d.tsv
says err 'b;c: 2 different texts are numbered from 0'
printf 'a\tb;c\n1\t0\n2\t1\n' >expected.tsv
same d.tsv expected.tsv
run 0 d.tsv d.npy --name a
run 0 --no-header --separator tab d.npy e.csv
says e.csv 1 2
printf '1,2\n3\n' >e.csv
fails 1 'csv_read: e.csv: line 2: found 1 field, expected 2' e.csv --no-header e.npy --name 1

# ---- Elements ----

printf '\0\0\010\002\0\0\0\002\0\0\0\003\001\002\003\004\005\377' >f.idx
run 0 f.idx f.npy
run 0 f.npy g.idx
same f.idx g.idx
printf '1\n300\n' >h.csv
run 0 --no-header h.csv h.idx # the smallest integers that hold them all
[ "$(od -An -tx1 h.idx | tr -d ' \n')" = 00000b01000000020001012c ] || wrong "h.idx: $(od -An -tx1 h.idx)"
printf '0.1\n' >h.csv
run 0 --no-header --type float32 h.csv h.npy
run 0 h.npy h2.csv
says h2.csv h 0.10000000149011612
fails 1 '1: element 0 is 0.10000000000000001, which int32 cannot hold' --no-header --type int32 h.csv h.npy

# ---- Dense values at a pattern ----

printf '%s\n' '%%MatrixMarket matrix array real general' '2 2' 1 2 0 4 >w.mtx
printf '%s\n' '%%MatrixMarket matrix coordinate pattern general' '2 2 2' '1 1' '2 1' >p.mtx
echo old >s.mtx
fails 1 'w: 1 values off the pattern are not 0 (norm 4); --drop leaves them out' --pattern p.mtx w.mtx s.mtx
says s.mtx old
run 0 --pattern p.mtx --drop w.mtx s.mtx
says err 'w: 1 values off the pattern are left out, of norm 4'
says s.mtx '%%MatrixMarket matrix coordinate real general' '2 2 2' '1 1 1' '2 1 2'
fails 1 'p.mtx: no array is 2x2 as the pattern is' --pattern p.mtx a.mtx s.mtx

# ---- info ----

run 0 info a.mtx
says out 'a: 3x4 float64, sparse: 4 entries, density 0.3333' \
    '  min -2, max 3, mean 0.275, norm 3.60694, all finite' '  |+  +|' '  | @@ |'
run 0 info f.idx
says out 'f: 2x3 uint8, dense: 6 values, 6 not 0 (1)' '  min 1, max 255, mean 45, norm 255.108, all finite'
printf '\033[2Jx\n1\n' >n.csv
run 0 info n.csv
says out '?[2Jx: 1 int64, dense: 1 values, 1 not 0 (1)' '  min 1, max 1, mean 1, norm 1, all finite'
printf 'x\nnan\ninf\n1\n' >n.csv
run 0 info n.csv
says out 'x: 3 float64, dense: 3 values, 3 not 0 (1)' \
    '  min 1, max 1, mean 1, norm 1, not finite: 1 NaN, 1 infinite'
if [ "$(LC_ALL=C.UTF-8 locale charmap 2>/dev/null)" = UTF-8 ]; then
    LC_ALL=C.UTF-8 "$tool" info a.mtx | tail -n 1 >out
    says out '  ⠡⠌'
fi
if has jansson; then
    run 0 info b.safetensors
    says out 'checksums: right, for 3 of 3 tensors' 'a: 3x4 float64, sparse: 4 entries, density 0.3333' \
        '  min -2, max 3, mean 0.275, norm 3.60694, all finite' '  |+  +|' '  | @@ |'
    size=$(wc -c <b.safetensors)
    { head -c $((size - 1)) b.safetensors && printf x; } >bad.safetensors
    run 1 info bad.safetensors
    grep -q 'checksum' err || wrong "a flipped byte: $(cat err)"
fi

# ---- Checkpoints ----

if has jansson; then
    "$checkpoint_files" save run.ckpt || wrong 'no checkpoint'
    run 0 info --plain run.ckpt
    grep -q '^checksums: right, for 12 of 12 tensors$' out || wrong "a checkpoint: $(cat out)"
    grep -q '^integer/epoch: 7$' out || wrong 'the counters of a checkpoint are not shown'
    grep -q '^ema/0/layer1/w: ' out || wrong 'the averages of a checkpoint are not shown'
    grep -q '^layer2/w.mask: 5x3 pattern: 8 entries, density 0.5333$' out || wrong 'a mask is not shown'
    run 0 --weights run.ckpt weights.safetensors
    run 0 info --plain weights.safetensors
    [ "$(grep -c '^layer' out)" = 3 ] || wrong "the weights of a checkpoint: $(cat out)"
    grep -q 'ema\|optimizer' out && wrong 'there is more than weights'
    "$checkpoint_files" load weights.safetensors || wrong 'the weights differ from those of the checkpoint'
    run 0 --name layer2/w.mask run.ckpt mask.mtx
    [ "$(head -n 1 mask.mtx)" = '%%MatrixMarket matrix coordinate pattern general' ] || wrong "a mask: $(cat mask.mtx)"
fi

# ---- Pictures ----

run 0 info a.mtx --svg -
grep -q '<svg' out && grep -q '>a</text>' out && grep -q 'M3 0h1v1h-1z' out || wrong "SVG: $(cat out)"
fails 1 'there is no matrix to draw' info n.csv --svg x.svg
if [ -c /dev/full ]; then
    ln -s /dev/full full.svg
    fails 1 'full.svg: No space left on device' info a.mtx --svg full.svg
    [ -L full.svg ] || wrong 'a device that is full was removed'
fi
awk 'BEGIN { print "%%MatrixMarket matrix coordinate pattern general"; print 1000, 1000, 1999
    for (i = 1; i <= 1000; i++) print i, i
    for (i = 1; i < 1000; i++) print 1000, i }' >big.mtx
run 0 info big.mtx --svg big.svg
grep -q 'rows and columns by number of entries' big.svg || wrong 'a large matrix is not sorted'
[ "$(wc -c <big.svg)" -lt 100000 ] || wrong "big.svg has $(wc -c <big.svg) bytes"
run 0 info big.mtx --svg big2.svg --order file
grep -q 'by number of entries' big2.svg && wrong '--order file sorts'

# ---- Curves ----

if has jansson; then
    # a run that is killed in step 3, goes on after step 1, and is killed again
    printf '%s\n' '{"step":1,"loss":4}' '{"step":2,"loss":100}' '{"step":2,"loss":3,"accuracy":0.5}' \
        '{"step":3,"loss":"NaN"}' '{"step":4,"loss":1}' >run.jsonl
    printf '{"step":5,"lo' >>run.jsonl
    run 0 plot run.jsonl --svg run.svg
    [ ! -s out ] || wrong "plot prints $(cat out)"
    for text in '>loss</text>' '>accuracy</text>' '>step</text>' 'l8 8m0 -8l-8 8'; do
        grep -q -e "$text" run.svg || wrong "run.svg lacks $text"
    done
    grep -q '>100</text>' run.svg && wrong 'a step that was repeated is drawn twice'
    grep -q '>run</text>' run.svg && wrong 'a single run has a legend'
    sed 's/"loss":4/"loss":4000/' run.jsonl >other.jsonl
    run 0 plot run.jsonl other.jsonl --y loss --x step --svg -
    grep -q '>run</text>' out && grep -q '>other</text>' out || wrong 'two runs have no legend'
    grep -q '>1000</text>' out || wrong 'values of three decades have no logarithmic axis'
    grep -q 'accuracy' out && wrong '--y loss draws accuracy'
    fails 1 'no line has a number los' plot run.jsonl --y los --svg x.svg
    [ ! -e x.svg ] || wrong 'a plot that failed leaves a file'
    printf '{"a":1}\n{"a":\n' >bad.jsonl
    run 1 plot bad.jsonl --svg x.svg
    grep -q '^tulle-convert: bad.jsonl: line 2: ' err || wrong "bad JSON: $(cat err)"
    fails 1 'none.jsonl: No such file or directory' plot none.jsonl --svg x.svg
else
    fails 1 'run.jsonl: plot needs jansson, without which tulle-convert was built' plot run.jsonl --svg x.svg
fi

exit "$failed"
