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
    to know how to reach other machines though it needs none. Its mpirun may crash where freed memory is overwritten
    (4.1.4, in pmix_server_log, as a rank ends the others), as Meson has it done."""
    return dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1',
                OMPI_MCA_mpi_yield_when_idle='1', OMPI_MCA_plm_rsh_agent='/bin/false', MALLOC_PERTURB_='0')


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


def start(mpirun, ranks, program, file):
    """Starts a run. Returns it with the numbers of its processes, once all have what they need."""
    run = subprocess.Popen(command(mpirun, ranks, program, '--resume', file), env=environment(),
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    run.lines, processes = [], []  # of several processes, in any order
    while len(processes) < ranks:
        run.lines.append(run.stdout.readline())
        if ': process ' in run.lines[-1]:
            processes.append(int(run.lines[-1].split()[-1]))
        elif not run.lines[-1]:
            sys.exit('%d ranks have not begun' % ranks)
    return run, processes


def end_of(run):
    """Waits for a run, and returns what it ended with."""
    lines = run.lines + list(run.stdout)
    run.wait()
    return ''.join(line for line in lines if line.startswith('ends with'))


def check_kills(mpirun, program, kills):
    seed = int(time.time())
    print('seed %d' % seed)
    choose = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'run.ckpt')
        run, _ = start(mpirun, 1, program, file)
        begun = time.monotonic()
        expected = end_of(run)
        whole = time.monotonic() - begun
        os.remove(file)
        killed = ends = 0
        while ends == 0 or killed < int(kills):
            run, processes = start(mpirun, choose.randint(1, 4), program, file)
            if killed < int(kills):
                time.sleep(choose.random() * whole / 2)
                try:
                    os.kill(choose.choice(processes), signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it has ended
            found = end_of(run)
            killed += run.returncode != 0
            if run.returncode == 0:
                ends += 1
                os.remove(file)
                if found != expected or not found:
                    sys.exit('after %d kills: %r, and without: %r' % (killed, found, expected))
        print('%d kills, and %d runs that resumed to the end: each %s' % (killed, ends, expected), end='')


def main(arguments):
    if len(arguments) < 3 or arguments[1] not in ('bits', 'kill', 'run', 'same'):
        print(__doc__, file=sys.stderr)
        return 2
    mpirun, what, *rest = arguments
    if not mpirun:
        print('skipped: there is no MPI, or no mpirun')
        return SKIPPED
    {'bits': check_bits, 'kill': check_kills, 'run': check_runs, 'same': check_same}[what](mpirun, *rest)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
