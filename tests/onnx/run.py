#!/usr/bin/env python3
"""run.py [--list] RUNNER...: runs ONNX's test cases of single operators, of Debian's libonnx-testdata.

The runners are run_cases.c for each number type. Prints a line per case: passed, skipped and why, or differs and where.
Fails if one differs, or if README.md does not list just the skipped ones; --list writes that list into it.
"""
import collections
import glob
import os
import subprocess
import sys
import tempfile

try:
    import onnx
except ImportError as error:
    print('skipped:', error, '(Debian: python3-onnx)')
    sys.exit(77)
import convert

CASES = '/usr/share/libonnx-testdata/data/node'
VERSION = '1.12.0'  # of the cases that README.md lists
README = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'README.md')
MARK = '<!-- by run.py --list -->\n'


def run(runner, path, foreign):
    """Runs the cases of a file, prints the table, and returns those that were skipped, by name, and the failures."""
    done = subprocess.run([runner, path], stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines() + ['skipped %s: %s' % item for item in foreign.items()]
    lines.sort(key=lambda line: line.replace(':', ' ').split()[1])
    print('\n'.join(lines))
    count = collections.Counter(line.split()[0] for line in lines)
    print('%s: %d cases: %d run, %d as ONNX has them' % (os.path.basename(runner), len(lines),
                                                          count['passed'] + count['differs'], count['passed']))
    print('%d passed, %d failed, %d skipped' % (count['passed'], count['differs'], count['skipped']))
    skipped = dict(line[len('skipped '):].split(': ', 1) for line in lines if line.startswith('skipped '))
    return skipped, count['differs'] + (done.returncode not in (0, 1)) + (count['passed'] == 0)


def table(skipped):
    """The skipped cases by their reasons."""
    by_reason = collections.defaultdict(list)
    for case, reason in sorted(skipped.items()):
        by_reason[reason].append(case)
    rows = ['| %s | %s |\n' % (reason, ', '.join(cases)) for reason, cases in sorted(by_reason.items())]
    return '\n%d cases are skipped:\n\n| why | cases |\n| --- | --- |\n' % len(skipped) + ''.join(rows)


def check_list(skipped, write):
    with open(README) as file:
        before, mark, listed = file.read().partition(MARK)
    if write:
        with open(README, 'w') as file:
            file.write(before + MARK + table(skipped))
    elif onnx.__version__ != VERSION:
        print('README.md lists the cases of ONNX %s, these are of %s' % (VERSION, onnx.__version__))
    elif listed != table(skipped):
        print('README.md lists other skipped cases, or other reasons: run.py --list RUNNER writes the list')
        return 1
    return 0


def main(arguments):
    write = '--list' in arguments
    runners = [argument for argument in arguments if argument != '--list']
    folders = sorted(glob.glob(os.path.join(CASES, 'test_*')))
    if not folders:
        print('skipped: there is no', CASES, '(Debian: libonnx-testdata)')
        return 77
    ours = set(subprocess.run([runners[0], '--ops'], stdout=subprocess.PIPE, text=True, check=True).stdout.split())
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'cases.safetensors')
        foreign = convert.write(path, folders, ours)
        for runner in runners:
            skipped, failed = run(runner, path, foreign)
            failures += failed or check_list(skipped, write)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
