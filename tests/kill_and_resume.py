#!/usr/bin/env python3
"""Kills a training run at random moments and resumes it, until it ends: it must end in the same bits as the run
that nobody killed, on any number of threads, and leave no temporary file.

kill_and_resume.py RESUMABLE KILLS [SEED]
"""
import os
import random
import subprocess
import sys
import tempfile
import time

STEPS, EVERY = 150, 2


def run(program, file, threads):
    environment = dict(os.environ, TULLE_NUM_THREADS=str(threads))
    return subprocess.Popen([program, file, str(STEPS), str(EVERY)], stdout=subprocess.PIPE, env=environment)


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    program, wanted = arguments[0], int(arguments[1])
    seed = int(arguments[2]) if len(arguments) == 3 else int(time.time())
    print('seed %d' % seed)
    choose = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'run.ckpt')
        begun = time.monotonic()
        expected = run(program, file, 1).communicate()[0]
        whole = time.monotonic() - begun
        os.remove(file)
        if len(expected) != 17:
            print('the run that was not killed failed', file=sys.stderr)
            return 1
        kills = ends = in_a_save = before_a_save = 0
        ended = False
        while not ended or kills < wanted:
            child = run(program, file, choose.randint(1, 3))
            # a third of a run at most, so that it is killed several times on its way
            limit = choose.random() * whole / 3 if kills < wanted else None
            try:
                hash_of_run = child.communicate(timeout=limit)[0]
                ended = True
            except subprocess.TimeoutExpired:
                child.kill()
                hash_of_run = child.communicate()[0]
                ended = child.returncode == 0  # just before
                kills += not ended
            left = [name for name in os.listdir(folder) if name != 'run.ckpt']
            in_a_save += len(left)
            before_a_save += not os.path.exists(file)
            if len(left) > (not ended):
                print('temporary files were left: %s' % left, file=sys.stderr)
                return 1
            if not ended:
                continue
            if child.returncode != 0 or hash_of_run != expected:
                print('resumed after %d kills: status %d, found %r, expected %r'
                      % (kills, child.returncode, hash_of_run, expected), file=sys.stderr)
                return 1
            ends += 1
            os.remove(file)
        print('%d kills, %d of them during a save and %d before the first; %d runs ended, in the same bits'
              % (kills, in_a_save, before_a_save, ends))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
