#!/usr/bin/env python3
"""Runs programs on several ranks.

check_mpi.py MPIRUN bits PROGRAM MOST [REFERENCE]   on 1 to MOST ranks: prints what PROGRAM --without-mpi prints
check_mpi.py MPIRUN kill PROGRAM KILLS              kills random ranks; resumes on other numbers of ranks: same bits
check_mpi.py MPIRUN run PROGRAM RANKS [ARGUMENT]... succeeds on so many ranks: 2,3
check_mpi.py MPIRUN same PROGRAM RANKS              the same, and prints the same on all numbers of ranks
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
SECONDS = 120  # after which a run hangs


def command(mpirun, ranks, program, *arguments):
    return [mpirun, '--oversubscribe', '--bind-to', 'none', '-n', str(ranks), program, *arguments]


def environment():
    """Open MPI refuses root unless it is told so, does not yield a core that it does not know to be shared, and wants
    to know how to reach other machines though it needs none."""
    return dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1',
                OMPI_MCA_mpi_yield_when_idle='1', OMPI_MCA_plm_rsh_agent='/bin/false')


def output_of(words):
    run = subprocess.run(words, env=environment(), stdout=subprocess.PIPE, text=True, timeout=SECONDS)
    if run.returncode != 0:
        sys.exit('%s: exit status %d' % (' '.join(words), run.returncode))
    return run.stdout


def check_bits(mpirun, program, most):
    expected = output_of([program, '--without-mpi'])
    for ranks in range(1, int(most) + 1):
        found = output_of(command(mpirun, ranks, program))
        if found != expected:
            sys.exit('on %d ranks:\n%sand without MPI:\n%s' % (ranks, found, expected))
    print('%d lines are the same on 1 to %s ranks and without MPI' % (len(expected.splitlines()), most))


def check_runs(mpirun, program, numbers, *arguments):
    for ranks in numbers.split(','):
        print(output_of(command(mpirun, ranks, program, *arguments)), end='')


def check_same(mpirun, program, numbers):
    found = {output_of(command(mpirun, ranks, program)) for ranks in numbers.split(',')}
    print(*found, sep='\n', end='')
    if len(found) > 1:
        sys.exit('it depends on the number of ranks: %s' % numbers)


def check_kills(mpirun, program, kills):
    seed = int(time.time())
    print('seed %d' % seed)
    choose = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'run.ckpt')
        expected = output_of(command(mpirun, 1, program, '--resume', file)).splitlines()[-1]
        os.remove(file)
        killed = 0
        while killed < int(kills):
            ranks = choose.randint(2, 4)
            run = subprocess.Popen(command(mpirun, ranks, program, '--resume', file), env=environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            processes = []
            for line in run.stdout:
                if ': process ' in line:
                    processes.append(int(line.split()[-1]))
                if len(processes) == ranks:
                    break
            time.sleep(choose.random() * 0.3)
            try:
                os.kill(choose.choice(processes), signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass  # it has ended
            run.communicate(timeout=SECONDS)
        ranks = choose.randint(1, 4)
        found = output_of(command(mpirun, ranks, program, '--resume', file)).splitlines()[-1]
        if found != expected:
            sys.exit('%s after %d kills, and %s without' % (found, killed, expected))
        print('%d kills, and it %s' % (killed, expected))


def main(arguments):
    if len(arguments) < 3 or arguments[1] not in ('bits', 'kill', 'run', 'same'):
        print(__doc__, file=sys.stderr)
        return 2
    mpirun, what, *rest = arguments
    if not mpirun:
        print('skipped: there is no mpirun')
        return SKIPPED
    {'bits': check_bits, 'kill': check_kills, 'run': check_runs, 'same': check_same}[what](mpirun, *rest)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
