#!/usr/bin/env python3
"""Plants faults in the ops, one at a time, and prints those that no test of the op catches.

mutants.py ROOT BUILD [-j N] [--sample K [--seed S]] [--list] [--double] [OP or FILE]...
mutants.py --self-test    plants known faults in a small tree and checks what becomes of them

A mutant is compiled alone, as BUILD compiles the file but without optimisation, and linked with the op's test program.
It is tried in double, in double with the address and undefined behaviour sanitizers, and in float, until a test fails.
One that does not compile does not count; one with the object code of the original, optimised or not, is equivalent.
Survivors that tests/ops/mutants.equivalent explains are no failure; its entries look like what is printed here. Nothing
is written in ROOT, and in BUILD only what ninja builds.
"""
import argparse
import concurrent.futures
import os
import posixpath
import queue
import random
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the sources may be read-only
from mutants_build import Build, Fault, run  # noqa: E402
from mutations import mutants_of  # noqa: E402

# Tests of what op.h lets an op state, which are tried when an op's own test passes.
FOR_EVERY_OP = ['test_describe', 'test_tangent', 'test_derivative', 'test_hessian', 'test_check_finite']
EXPLAINED = 'tests/ops/mutants.equivalent'
SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-DTL_HEAP_ARENA']
LEAST_SECONDS, TIMES_THE_ORIGINAL = 10, 20  # how long a test may take


class Stage:
    """One way to compile and run a mutant."""

    def __init__(self, name, suffix, flags):
        self.name, self.suffix, self.flags = name, suffix, flags


STAGES = [Stage('double', '64', ['-O0']), Stage('sanitized', '64', ['-O1'] + SANITIZERS), Stage('float', '', ['-O1'])]


class Subject:
    """A file that faults are planted in, with the units that compile it and the programs that test it."""

    def __init__(self, build, file):
        self.file = file
        with open(os.path.join(build.root, file), encoding='utf-8') as f:
            self.text = f.read()
        self.mutants = mutants_of(file, self.text)
        self.units = self.programs = None

    def find_programs(self, build):
        stem = posixpath.splitext(posixpath.basename(self.file))[0]
        folder = posixpath.dirname(self.file)
        if folder == 'ops' and self.file.endswith('.c'):
            self.units = [self.file]
            self.programs = ['op_' + stem] + [p for p in FOR_EVERY_OP if 'tests/' + p in build.targets]
            return
        if self.file.endswith('.h'):
            users = self.units = build.includers({self.file, posixpath.basename(self.file)})
            stems = [stem]
        else:  # what uses the headers of the same folder that the file includes, or that those include
            names = set(os.listdir(os.path.join(build.root, folder)))
            headers, texts = set(), [self.text]
            while texts:
                found = {posixpath.basename(n) for n in re.findall(r'^#include "(.*)"', texts.pop(), re.M)}
                for name in (found & names) - headers:
                    headers.add(name)
                    with open(os.path.join(build.root, folder, name), encoding='utf-8') as f:
                        texts.append(f.read())
            users = build.includers(headers | {posixpath.join(folder, n) for n in headers})
            self.units, stems = [self.file], [stem] + [posixpath.splitext(n)[0] for n in sorted(headers)]
        self.programs = ['test_' + s for s in stems] + [
            'op_' + posixpath.splitext(posixpath.basename(user))[0] for user in users if user.startswith('ops/')]
        self.programs = [p for p in dict.fromkeys(self.programs) if 'tests/' + p in build.targets]
        if not self.units or not self.programs:
            raise Fault('no program tests %s' % self.file)


class Bench:
    """Compiles, links and runs mutants of a file in one stage. Thread-safe once it is made."""

    def __init__(self, build, subject, stage, folder, shared):
        self.build, self.subject, self.stage = build, subject, stage
        self.archive = 'libtulle_core%s.a' % stage.suffix
        self.objects = [build.object_of(unit, self.archive) for unit in subject.units]
        self.extra, self.replaced = {}, {}
        self.seconds = {}
        self.optimised = None  # object code of the original
        os.makedirs(folder)
        if stage.name == 'sanitized':
            self.compile_helpers(shared)
        self.original = self.compile(subject.text, folder)
        if self.original is None:
            raise Fault('%s does not compile (%s)' % (subject.file, stage.name))
        for program in subject.programs:
            begun = time.monotonic()
            if self.test(program, folder, 300) != 0:
                raise Fault('%s (%s) fails before any fault is planted' % (program, stage.name))
            self.seconds[program] = max(LEAST_SECONDS, TIMES_THE_ORIGINAL * (time.monotonic() - begun))
        subject.programs.sort(key=lambda p: (p in FOR_EVERY_OP, self.seconds[p]))

    def compile_helpers(self, folder):
        """Compiles what has to know of TL_HEAP_ARENA, the arena and the tests, once for all files."""
        arena = self.build.object_of('lib/arena.c', self.archive)
        objects = {program: self.build.objects_of('tests/' + program + self.stage.suffix)
                   for program in self.subject.programs}
        made = self.build.helpers
        for output in [arena] + sum(objects.values(), []):
            if output in made:
                continue
            made[output] = os.path.join(folder, '%d.o' % len(made))
            source = os.path.join(self.build.root, self.build.path_of(self.build.commands[output]))
            if run(self.build.compiler(output, self.stage.flags, [], source, made[output]), self.build.folder) != 0:
                raise Fault('%s does not compile with sanitizers' % source)
        for program, outputs in objects.items():
            self.extra[program] = [made[output] for output in [arena] + outputs]
            self.replaced[program] = outputs

    def compile(self, text, folder, optimization=()):
        """Compiles the units that have a mutant's text; returns their object code, or None."""
        tree = os.path.join(folder, 'tree')
        names = {self.subject.file: text}
        for unit in self.subject.units:
            if unit not in names:
                with open(os.path.join(self.build.root, unit), encoding='utf-8') as f:
                    names[unit] = f.read()
        for name, content in names.items():
            os.makedirs(os.path.join(tree, posixpath.dirname(name)), exist_ok=True)
            with open(os.path.join(tree, name), 'w', encoding='utf-8') as f:
                f.write(content)
        folders = [tree, os.path.join(tree, posixpath.dirname(self.subject.file))]
        code = []
        for k, (unit, output) in enumerate(zip(self.subject.units, self.objects)):
            made = os.path.join(folder, 'unit%d.o' % k)
            if run(self.build.compiler(output, self.stage.flags + list(optimization), folders,
                                       os.path.join(tree, unit), made), self.build.folder, 120) != 0:
                return None
            with open(made, 'rb') as f:
                code.append(f.read())
        return code

    def test(self, program, folder, seconds):
        """Links what was compiled last with a test program and runs it."""
        made = os.path.join(folder, 'program')
        units = [os.path.join(folder, 'unit%d.o' % k) for k in range(len(self.objects))]
        command = self.build.linker('tests/' + program + self.stage.suffix, units + self.extra.get(program, []),
                                    self.replaced.get(program, []), self.stage.flags, made)
        if run(command, self.build.folder) != 0:
            raise Fault('%s cannot be linked: %s' % (program, ' '.join(command)))
        return run([made], folder, seconds, limited=self.stage.name != 'sanitized')

    def try_mutant(self, mutant, folder):
        """Returns what became of a mutant."""
        code = self.compile(mutant.text, folder)
        if code is None:
            return 'not compiled'
        if self.stage is STAGES[0] and code == self.original:
            return 'equivalent'
        for program in self.subject.programs:
            status = self.test(program, folder, self.seconds[program])
            if status != 0:
                return 'hangs' if status is None else 'caught'
        if self.stage is STAGES[0] and self.is_equivalent(mutant, folder):
            return 'equivalent'
        return 'survived'

    def is_equivalent(self, mutant, folder):
        if self.optimised is None:
            self.optimised = self.compile(self.subject.text, folder, ['-O2'])
        return self.compile(mutant.text, folder, ['-O2']) == self.optimised


class Explanations:
    """The survivors that are known to be equivalent, and why."""

    def __init__(self, path):
        self.keys = {}
        if not os.path.exists(path):
            return
        with open(path, encoding='utf-8') as f:
            blocks = '\n'.join('' if line[:1] == '#' else line for line in f.read().splitlines()).split('\n\n')
        for block in blocks:
            lines = block.strip('\n').split('\n')
            if lines != ['']:
                self.read_block(lines)

    def read_block(self, lines):
        """Reads FILE: FUNCTION: OPERATOR, then pairs of lines - OLD, + NEW, then the reason."""
        head = tuple(lines[0].split(': '))
        pairs = [(old[2:], new[2:]) for old, new in zip(lines[1::2], lines[2::2])
                 if old.startswith('- ') and new.startswith('+')]
        if len(head) != 3 or not pairs or not lines[1 + 2 * len(pairs):]:
            raise Fault('%s: an entry is FILE: FUNCTION: OPERATOR, "- OLD", "+ NEW", and a reason:\n%s'
                        % (EXPLAINED, '\n'.join(lines)))
        for pair in pairs:
            self.keys[head + pair] = 0


def try_all(bench_of, subject, mutants, folder, jobs):
    """Returns what became of each mutant, in a stage after the other as long as it survives."""
    fates = dict.fromkeys(mutants, 'survived')
    for stage in bench_of:
        left = [m for m in mutants if fates[m] == 'survived']
        if not left:
            break
        bench = bench_of[stage](os.path.join(folder, stage + '-original'))
        folders = queue.SimpleQueue()
        for k in range(jobs):
            folders.put(os.path.join(folder, '%s-%d' % (stage, k)))

        def try_one(mutant):
            place = folders.get()
            try:
                return bench.try_mutant(mutant, place)
            finally:
                folders.put(place)

        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for mutant, fate in zip(left, pool.map(try_one, left)):
                fates[mutant] = 'survived' if stage != STAGES[0].name and fate == 'not compiled' else fate
    return fates


def report(subject, fates, explanations):
    """Prints what became of a file's mutants; returns whether all is well."""
    count = lambda *kinds: sum(fate in kinds for fate in fates.values())
    survivors = [m for m in fates if fates[m] == 'survived' and m.key not in explanations.keys]
    wrong = [m for m in fates if fates[m] == 'caught' and m.key in explanations.keys]
    survived = count('survived')
    print('%s: %d mutants: %d caught (%d by the time limit), %d survived (%d explained), %d equivalent, '
          '%d not compiled' % (subject.file, len(fates), count('caught', 'hangs'), count('hangs'), survived,
                               survived - len(survivors), count('equivalent'), count('not compiled')))
    for mutant in survivors:
        print(mutant)
    for mutant in wrong:
        print('%s\n%s has an entry for it, yet a test catches it' % (mutant, EXPLAINED))
    sys.stdout.flush()
    return not survivors and not wrong


def stale_entries(subjects, explanations, everything):
    """Returns the entries that match no mutant of their file."""
    files = {s.file for s in subjects}
    keys = {m.key for s in subjects for m in s.mutants}
    return [key for key in explanations.keys if key not in keys and (everything or key[0] in files)]


def files_of(root, names):
    """Returns the files that are meant: an op is a name, a shared file a path."""
    if names:
        files = [name if '/' in name else 'ops/%s.c' % name for name in names]
    else:
        files = ['ops/' + n for n in sorted(os.listdir(os.path.join(root, 'ops'))) if n.endswith(('.c', '.h'))]
        tools = os.path.join(root, 'graph/tools')
        if os.path.isdir(tools):
            files += ['graph/tools/' + n for n in sorted(os.listdir(tools)) if n.endswith(('.c', '.h'))]
    for file in files:
        if not os.path.isfile(os.path.join(root, file)):
            raise Fault('there is no %s' % file)
    return files


def mutate(options):
    """Returns the exit status."""
    build = Build(options.root, options.build)
    subjects = [s for s in (Subject(build, file) for file in files_of(build.root, options.names)) if s.mutants]
    explanations = Explanations(os.path.join(build.root, EXPLAINED))
    chosen = [m for s in subjects for m in s.mutants]
    if options.sample is not None and options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)
    chosen = set(chosen)
    if options.list:
        print('\n'.join(str(m) for s in subjects for m in s.mutants if m in chosen))
        return 0
    fine = True
    for key in stale_entries(subjects, explanations, not options.names):
        print('%s: matches no mutant any more: %s: %s: %s\n- %s\n+ %s' % ((EXPLAINED,) + key))
        fine = False
    stages = [s for s in STAGES if s.suffix == '64' or not options.double]
    build.ninja(*sorted({'libtulle_core%s.a' % s.suffix for s in stages} & build.targets))
    built = os.stat(os.path.join(build.folder, 'libtulle_core64.a')).st_mtime
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='mutants-') as folder:
        build.compile_first_failure(folder)
        for subject in subjects:
            mutants = [m for m in subject.mutants if m in chosen]
            if not mutants:
                continue
            subject.find_programs(build)
            build.ninja(*('tests/' + p + suffix for p in subject.programs for suffix in {s.suffix for s in stages}))
            benches = {s.name: lambda place, s=s: Bench(build, subject, s, place, folder) for s in stages}
            fates = try_all(benches, subject, mutants, os.path.join(folder, subject.file), options.jobs)
            fine = report(subject, fates, explanations) and fine
    if os.stat(os.path.join(build.folder, 'libtulle_core64.a')).st_mtime != built:
        raise Fault('%s was built anew meanwhile' % build.folder)
    seconds = time.monotonic() - begun
    print('%d mutants in %.0f s: %s' % (len(chosen), seconds,
                                       'none survives unexplained' if fine else 'see above'))
    return 0 if fine else 1


def positive(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError('wants a whole number from 1 on, got %r' % text)
    return int(text)


def main(arguments):
    if arguments == ['--self-test']:
        from mutants_self_test import self_test
        return self_test()
    parser = argparse.ArgumentParser(
        prog='mutants', usage='./dev mutants [-j N] [--sample K [--seed S]] [--list] [--double] [OP or FILE]...')
    parser.add_argument('root')
    parser.add_argument('build')
    parser.add_argument('-j', dest='jobs', metavar='N', type=positive, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--sample', metavar='K', type=positive)
    parser.add_argument('--seed', metavar='S', default='0')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--double', action='store_true')
    parser.add_argument('names', metavar='OP', nargs='*')
    try:
        return mutate(parser.parse_intermixed_args(arguments))
    except Fault as fault:
        print('mutants: %s' % fault, file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
