#!/usr/bin/env python3
"""Checks a demo on several ranks: the results of the program without MPI, one line for a failure, and a run that goes
on on other numbers of ranks.

check_demos.py MPIRUN PROGRAM [jansson]    jansson: there are checkpoints
"""
import os
import re
import subprocess
import sys
import tempfile
import time

import check_mpi

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'demos'))
import check_demo

SCRIPT = os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../demos/cluster/train.sbatch')
PARTS = ['--parts', '5']
BUDGETS = {
    'pruned_mlp': '--epochs 1 --hidden 32,16 --batch 100 --gradual --method mask-gradients,set-mask,sparse --goal 0',
    'recommender': '--rank 4 --epochs 2 --batch 4096 --learning-rate 0.03 --goal 1 --rows exact,lazy',
    'wide_layer': '--size 2000 --connections 20000 --steps 20 --batch 3',  # two parts are empty
}


class Ranks:
    """A demo under test, and mpirun."""

    def __init__(self, mpirun, program, folder):
        self.demo, self.mpirun = check_demo.Demo(program, folder), mpirun
        self.budget = BUDGETS[self.demo.name].split()
        self.environment = dict(check_mpi.environment(), LC_ALL='C', TMPDIR=folder)

    def start(self, words):
        return subprocess.Popen(words, cwd=self.demo.folder, env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def command(self, ranks, arguments):
        return check_mpi.command(self.mpirun, ranks, self.demo.program, '--mpi', *arguments)

    def run(self, words, status=0, line=''):
        """Returns what the demo prints; if it fails, it says so in a line that matches, once."""
        child = self.start(words)
        out, err = child.communicate(timeout=check_mpi.SECONDS)
        said = [text for text in err.splitlines() if text.startswith(self.demo.name)]
        if child.returncode != status or not re.fullmatch('%s: .*%s.*' % (self.demo.name, line) if line else '',
                                                          '\n'.join(said)):
            self.demo.wrong(words, 'exit status %d: %s' % (child.returncode, err))
        return out

    def compare(self, what, name):
        """Compares results and curves with those of one process."""
        files = name + '.json', name + '.svg'
        if self.demo.results(files[0]) != self.demo.results('alone.json'):
            self.demo.wrong(what, '%s' % self.demo.results(files[0]))
        if self.demo.read(files[1]) != self.demo.read('alone.svg'):
            self.demo.wrong(what, 'other curves')


def check_results(ranks):
    budget = ranks.budget + PARTS
    ranks.demo.run(budget + ['--json', 'alone.json', '--svg', 'alone.svg'])
    ranks.demo.run(budget + ['--json', 'b.json', '--svg', 'b.svg', '--threads', '2'])
    ranks.compare(['2 threads'], 'b')
    for n in 1, 2, 3:
        words = ranks.command(n, budget + ['--json', 'b.json', '--svg', 'b.svg'])
        out = ranks.run(words)
        ranks.compare(words, 'b')
        if out.count('Goal reached: ') != 1 or 'a batch in 5 parts, on %d rank' % n not in out:
            ranks.demo.wrong(words, 'printed %s' % out)
    if ranks.run(ranks.command(2, ['--help'])).count('Usage: ') != 1:
        ranks.demo.wrong(['--help'], 'not once')


def check_failures(ranks):
    """Of all ranks, of rank 0 alone, and of another one."""
    budget, (name, program) = ranks.budget + PARTS, (ranks.demo.name, ranks.demo.program)
    ranks.run(ranks.command(3, ['--parts', '0']), 2, "--parts: '0' is not a whole number from 1 to 1024")
    ranks.run(ranks.command(3, budget + ['--json', 'no/such']), 1, 'no/such: No such file or directory')
    if os.path.exists('/dev/full'):
        ranks.run(ranks.command(3, budget + ['--json', '/dev/full']), 1, '/dev/full: No space left on device')
        if name == 'wide_layer':  # while the other is in an exchange: it ends it
            ranks.run(ranks.command(1, budget + ['--steps', '5', '--json', '/dev/full']) +
                      [':', '-n', '1', program, '--mpi', *budget], 1, 'rank 0: /dev/full: No space left on device')
    if name == 'recommender':
        ranks.run(ranks.command(3, budget + ['--data', 'no']), 1, 'no/ratings.csv: No such file or directory')
        ranks.run(ranks.command(1, budget) + [':', '-n', '1', program, '--mpi', *budget, '--user', 'nobody'], 1,
                  "rank 1: --user: 'nobody' has rated nothing")
    ranks.run(ranks.command(1, budget) + [':', '-n', '1', program, '--mpi', *budget, '--resume', 'no'], 1,
              'rank 1: .*no: No such file or directory')


def check_resume(ranks):
    """Kills a run of three ranks, and goes on on two and on one."""
    budget = ranks.budget + PARTS
    child = ranks.start(ranks.command(3, budget + ['--checkpoint', 'run.ckpt']))
    while child.poll() is None and not os.path.exists(ranks.demo.path('run.ckpt')):
        time.sleep(0.001)
    child.terminate()
    child.communicate()
    arguments = budget + ['--resume', 'run.ckpt', '--json', 'c.json', '--svg', 'c.svg']
    ranks.run(ranks.command(2, arguments))
    ranks.compare(['resumed on 2 ranks'], 'c')
    ranks.demo.run(arguments)
    ranks.compare(['resumed without MPI'], 'c')
    ranks.run(ranks.command(2, ranks.budget + ['--parts', '4', '--resume', 'run.ckpt']), 1,
              'run.ckpt: --parts is 5 in the file and 4 here')


def check_cluster(ranks):
    """The script for Slurm, where srun runs two ranks: a job, and one that resumes it."""
    demo, build = ranks.demo, os.path.dirname(os.path.dirname(ranks.demo.program))
    demo.write('srun', '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec %s "$@"\n' % ' '.join(
        check_mpi.command(ranks.mpirun, 2, '')[:-1]))
    os.chmod(demo.path('srun'), 0o755)
    ranks.environment.update(SLURM_SUBMIT_DIR=demo.folder, SLURM_CPUS_PER_TASK='2', TULLE_BUILD=build,
                             TULLE_KERNELS='baseline', PATH=demo.folder + ':' + os.environ['PATH'])
    arguments = ranks.budget + PARTS
    ranks.run([demo.program, *arguments, '--json', 'alone.json', '--svg', 'alone.svg'])
    for _ in range(2):
        out = ranks.run([SCRIPT, demo.name, *arguments, '--json', 'd.json', '--svg', 'd.svg'])
        ranks.compare([SCRIPT], 'd')
        if 'on 2 ranks' not in out or ', 2 threads' not in out:
            demo.wrong([SCRIPT], 'printed %s' % out)
    if not os.path.exists(demo.path(demo.name + '.ckpt')):
        demo.wrong([SCRIPT], 'left no checkpoint')


def main(arguments):
    if len(arguments) < 2 or os.path.basename(arguments[1]) not in BUDGETS:
        print(__doc__, file=sys.stderr)
        return 2
    if not arguments[0]:
        print('skipped: there is no mpirun')
        return check_mpi.SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        ranks = Ranks(arguments[0], arguments[1], folder)
        check_results(ranks)
        check_failures(ranks)
        if 'jansson' in arguments:
            check_resume(ranks)
            if ranks.demo.name == 'wide_layer':
                check_cluster(ranks)
    return 1 if ranks.demo.failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
