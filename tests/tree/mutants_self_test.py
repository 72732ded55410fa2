"""What mutants.py --self-test plants: a small tree, with faults that are caught, survive, hang and are no faults."""
import contextlib
import io
import os
import re
import subprocess
import tempfile

import mutants
from mutations import mutants_of

# Lines of code, and faults that must be among those planted in each.
LINES = [
    ('y[k] = a[k] - b[k];', [('sign', 'y[k] = a[k] + b[k];'), ('sign', 'y[k] = -(a[k] - b[k]);'),
                             ('missing term', 'y[k] = a[k];'), ('missing term', 'y[k] = -b[k];'),
                             ('assignment', 'y[k] += a[k] - b[k];'), ('missing statement', ';'),
                             ('transposition', 'y[k] = b[k] - b[k];')]),
    ('y[k] += -a[k] * c / d;', [('sign', 'y[k] -= -a[k] * c / d;'), ('sign', 'y[k] += a[k] * c / d;'),
                                ('missing term', 'y[k] += -a[k] / d;'), ('missing term', 'y[k] += c / d;'),
                                ('missing term', 'y[k] += -a[k] * c;'), ('assignment', 'y[k] = -a[k] * c / d;')]),
    ('for (int k = 0; k < n; k++)', [('edge', 'for (int k = 0 + 1; k < n; k++)'),
                                     ('edge', 'for (int k = 0; k < n - 1; k++)'),
                                     ('comparison', 'for (int k = 0; k <= n; k++)')]),
    ('if (a && b != 0)', [('condition', 'if (true)'), ('condition', 'if (false)'), ('missing term', 'if (a)'),
                          ('missing term', 'if (b != 0)'), ('comparison', 'if (a || b != 0)'),
                          ('comparison', 'if (a && b == 0)'), ('constant', 'if (a && b != 1)')]),
    ('x = a > 0 ? a : 0.5;', [('condition', 'x = a;'), ('condition', 'x = 0.5;'),
                              ('comparison', 'x = a >= 0 ? a : 0.5;'), ('constant', 'x = a > 0 ? a : 0.25;')]),
    ('call(rows, cols, tl_transposed(a), true); /* a - b */',
     [('transposition', 'call(cols, rows, tl_transposed(a), true);'),
      ('transposition', 'call(rows, cols, a, true);'), ('constant', 'call(rows, cols, tl_transposed(a), false);'),
      ('last element', 'call(rows - 1, cols, tl_transposed(a), true);'), ('missing statement', ';')]),
    ('return !f("a - b");', [('constant', 'return f("a - b");'), ('missing statement', ';')]),
]
# What must not be planted: in comments, texts, types, declarations without a value, preprocessor lines.
ALONE = '''#define N (1 + 2)
/* a - b */
typedef struct pair {
    int a[2];
} pair;
int f(const int *a, int n);
enum { STRIP = 1 << 8, GRAIN = TL_GRAIN / 2, MAX_TASKS = 64 };
static const op o = {
    .can_overwrite = 1 << 0 | 1 << 1,
};
'''

# Nobody looks at y[3]; a[2], which k <= n reads, only a sanitizer sees; an unsigned n is never less than 0; without
# n-- the second loop does not end.
OP = '''#include "ops/twice.h"

int twice(const int *a, unsigned n, int *y)
{
    if (n < 0)
        return 1;
    for (unsigned k = 0; k < n; k++)
        y[k] = TWICE * a[k];
    y[2] = 0;
    y[3] = 7;
    while (n > 0) {
        y[2]++;
        n--;
    }
    return 0;
}
'''
TEST = '''#include "ops/twice.h"

#include <stdlib.h>

int main(void)
{
    int *a = malloc(2 * sizeof *a), y[] = { 9, 9, 9, 9 };
    a[0] = 1;
    a[1] = -3;
    int wrong = twice(a, 0, y) != 0 || twice(a, 2, y) != 0 || y[0] != 2 || y[1] != -6 || y[2] != 2;
    free(a);
    return wrong;
}
'''
HEADER = 'enum { TWICE = 2 };\nint twice(const int *a, unsigned n, int *y);\n'
NINJA = '''rule cc
  command = cc -I.. -std=c11 -Wall -Werror -MD -MF $out.d $defines -o $out -c $in
  deps = gcc
  depfile = $out.d
rule ar
  command = rm -f $out && ar rcs $out $in
rule link
  command = cc -o $out $in
build libtulle_core64.a.p/twice.o: cc ../ops/twice.c
build libtulle_core64.a.p/arena.o: cc ../lib/arena.c
build libtulle_core64.a: ar libtulle_core64.a.p/twice.o libtulle_core64.a.p/arena.o
build tests/op_twice64.p/op.o: cc ../tests/ops/op_twice.c
build tests/op_twice64: link tests/op_twice64.p/op.o libtulle_core64.a
'''
SURVIVORS = '''# Nobody looks at y[3].
ops/twice.c: twice: constant
- y[3] = 7;
+ y[3] = (7 + 1);
Nobody looks at it.

ops/twice.c: twice: sign
- y[3] = 7;
+ y[3] = -(7);
Nobody looks at it.

ops/twice.c: twice: assignment
- y[3] = 7;
+ y[3] += 7;
Nobody looks at it.

ops/twice.c: twice: missing statement
- y[3] = 7;
+ ;
Nobody looks at it.
'''

CAUGHT = '''
ops/twice.c: twice: sign
- y[k] = TWICE * a[k];
+ y[k] = -(TWICE * a[k]);
It is wrong.
'''


def planted_wrongly():
    """Yields what is wrong with the mutants of single lines."""
    for line, expected in LINES:
        text = 'int f(int rows, int cols, int a, int b)\n{\n    %s\n}\n' % line
        got = [(m.operator, m.new) for m in mutants_of('f.c', text)]
        for pair in expected:
            if pair not in got:
                yield '%s: not planted: %s' % (line, pair)
        if len(set(got)) != len(got):
            yield '%s: planted twice' % line
    for mutant in mutants_of('alone.c', ALONE):
        if 'no_gradient' not in mutant.new:
            yield 'planted where nothing is to be:\n%s' % mutant


def write(root, path, text):
    os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
    with open(os.path.join(root, path), 'w', encoding='utf-8') as f:
        f.write(text)


def write_tree(root):
    for path, text in {'ops/twice.c': OP, 'ops/twice.h': HEADER, 'lib/arena.c': 'extern int arena;\nint arena;\n',
                       'tests/ops/op_twice.c': TEST, 'build/build.ninja': NINJA}.items():
        write(root, path, text)
    build = os.path.join(root, 'build')
    commands = subprocess.run(['ninja', '-C', build, '-t', 'compdb', 'cc'], capture_output=True, text=True, check=True)
    write(root, 'build/compile_commands.json', commands.stdout)


def run_mutants(root, *arguments):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = mutants.main([root, os.path.join(root, 'build'), '--double', '-j', '2', *arguments])
    return status, said.getvalue()


def went_wrong(root):
    """Yields what is wrong with runs in a small tree."""
    write_tree(root)
    status, said = run_mutants(root, 'twice')
    counts = {kind: int(number) for number, kind in re.findall(r'(\d+) (by the time|survived|equivalent|not)', said)}
    survivors = re.findall(r'^ops/twice.c:\d+: (.*\n- .*\n\+ .*)', said, re.M)
    expected = re.findall(r'^ops/twice.c: (.*\n- .*\n\+ .*)', SURVIVORS, re.M)
    if status != 1 or sorted(survivors) != sorted(expected) or not all(counts.get(k) for k in (
            'by the time', 'survived', 'equivalent', 'not')):
        yield 'status %d, and not the survivors that were planted:\n%s' % (status, said)
    for name, text, wanted, messages in [
            ('all explained', SURVIVORS, 0, ['4 survived (4 explained)']),
            ('entries that are wrong', SURVIVORS.replace('(7 + 1)', '8') + CAUGHT, 1, [
                'matches no mutant any more', 'has an entry for it, yet a test catches it']),
            ('no reason', SURVIVORS.replace('Nobody looks at it.\n', '', 1), 2, ['and a reason'])]:
        write(root, mutants.EXPLAINED, text)
        status, said = run_mutants(root, 'twice')
        if status != wanted or not all(message in said for message in messages):
            yield '%s: expected status %d and %s, got %d and\n%s' % (name, wanted, messages, status, said)
    write(root, mutants.EXPLAINED, SURVIVORS)
    sample = ['--list', '--sample', '5', '--seed', 'x']
    status, said = run_mutants(root, *sample)
    if status != 0 or said.count('\n- ') != 5 or run_mutants(root, *sample)[1] != said:
        yield 'a sample of 5 is\n%s' % said
    write(root, 'tests/ops/op_twice.c', TEST.replace('-6', '6'))
    status, said = run_mutants(root, 'twice')
    if status != 2 or 'fails before any fault is planted' not in said:
        yield 'a test that fails: status %d and\n%s' % (status, said)


def self_test():
    """Returns the exit status."""
    mutants.LEAST_SECONDS = 1
    wrong = list(planted_wrongly())
    with tempfile.TemporaryDirectory() as root:
        wrong += went_wrong(root)
    print('\n'.join(wrong) or 'mutants of %d lines are planted; in a small tree some are caught, some survive'
          % len(LINES))
    return 1 if wrong else 0
