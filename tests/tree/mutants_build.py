"""The build directory that mutants are compiled by: commands, dependencies, programs."""
import contextlib
import functools
import json
import os
import posixpath
import shlex
import signal
import subprocess
import threading

# What the build refuses for their types, it refuses here. Unused names do not matter.
WARNINGS = ['-Werror=incompatible-pointer-types', '-Werror=int-conversion', '-Werror=return-type',
            '-Werror=discarded-qualifiers', '-Werror=implicit-function-declaration']
# The thresholds keep freed memory: malloc would take it from the system again and fill every page.
ENVIRONMENT = {'CK_FORK': 'no', 'MALLOC_PERTURB_': '165', 'MALLOC_MMAP_THRESHOLD_': str(1 << 30),
               'MALLOC_TRIM_THRESHOLD_': str(1 << 32), 'CCACHE_DISABLE': '1',
               'ASAN_OPTIONS': 'hard_rss_limit_mb=3000'}
MOST_KILOBYTES = 4 << 20  # of address space; not with the sanitizers, which reserve more

# In one process, Check runs the other tests after a failure. This ends the program at the first.
FIRST_FAILURE = '''#include <unistd.h>
void __wrap__ck_assert_failed(void);
void __wrap__ck_assert_failed(void) { _exit(1); }
'''


class Fault(Exception):
    """A reason to give up, to be printed."""


class Build:
    """What the build directory knows: commands, dependencies, programs."""

    def __init__(self, root, folder):
        self.root, self.folder = os.path.abspath(root), os.path.abspath(folder)
        self.targets = set()
        with open(os.path.join(self.folder, 'compile_commands.json'), encoding='utf-8') as f:
            self.commands = {entry['output']: entry for entry in json.load(f)}
        for line in self.ninja('-t', 'targets', 'all').splitlines():
            self.targets.add(line.rsplit(':', 1)[0])
        self.includes = None
        self.helpers = {}  # objects with sanitizers, by the name of what they replace
        self.first_failure = None

    def ninja(self, *arguments):
        done = subprocess.run(['ninja', '-C', self.folder, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Fault('ninja %s failed:\n%s%s' % (' '.join(arguments), done.stdout, done.stderr))
        return done.stdout

    def path_of(self, entry):
        """Returns the path from the root of what a command compiles."""
        path = os.path.normpath(os.path.join(entry['directory'], entry['file']))
        return os.path.relpath(path, self.root)

    def objects_of(self, target):
        """Returns the names of the objects of a library or program."""
        return [output for output in self.commands if output.startswith(target + '.p/')]

    def object_of(self, file, library):
        """Returns the name of the object of a file in a library."""
        for output in self.objects_of(library):
            if self.path_of(self.commands[output]) == file:
                return output
        raise Fault('%s does not compile %s for %s' % (self.folder, file, library))

    def compiler(self, output, flags, folders, source, to):
        """Returns the command that compiles a source in place of an object's, with these folders searched first."""
        entry = self.commands[output]
        words, kept = iter(shlex.split(entry['command'])), []
        for word in words:
            if word in ('-MQ', '-MF', '-o', '-c'):
                next(words)
            elif word not in ('-MD', 'ccache') and (word[:2] not in ('-O', '-g', '-W') or ',' in word):
                kept.append(word)
        quoted = [word for folder in folders + [os.path.dirname(os.path.join(self.root, self.path_of(entry)))]
                  for word in ('-iquote', folder)]
        return kept + flags + WARNINGS + quoted + ['-o', to, '-c', source]

    @functools.lru_cache(maxsize=None)
    def link_command(self, program):
        words = shlex.split(self.ninja('-t', 'commands', '-s', program).strip())
        return words[words[0] == 'ccache':]

    def compile_first_failure(self, folder):
        self.first_failure = os.path.join(folder, 'first_failure.o')
        source = self.first_failure[:-1] + 'c'
        with open(source, 'w', encoding='utf-8') as f:
            f.write(FIRST_FAILURE)
        if run(['cc', '-O1', '-fPIC', '-o', self.first_failure, '-c', source], folder) != 0:
            raise Fault('%s does not compile' % source)

    def linker(self, program, objects, replaced, flags, to):
        """Returns the command that links a program with more objects, which come before those of archives."""
        words = list(self.link_command(program))
        objects = objects + [self.first_failure, '-Wl,--wrap=_ck_assert_failed']
        at = words.index('-o') + 1
        words[at] = to
        return [word for k, word in enumerate(words[:at + 1] + objects + words[at + 1:])
                if k <= at or word not in replaced] + [f for f in flags if f.startswith('-fsanitize')]

    def includers(self, names):
        """Returns the sources of the library that include a header of one of these paths or bare names."""
        if self.includes is None:
            self.includes = {}
            for line in self.ninja('-t', 'deps').splitlines():
                if line[:1].strip():
                    deps = self.includes.setdefault(line.split(':')[0], set())
                elif line.strip():
                    path = os.path.normpath(os.path.join(self.folder, line.strip()))
                    deps.add(posixpath.basename(path) if path.startswith(self.folder) else
                             os.path.relpath(path, self.root))
        return sorted(self.path_of(self.commands[output]) for output, deps in self.includes.items()
                      if output.startswith('libtulle_core64.a.p/') and output in self.commands and deps & names)


def run(command, cwd, seconds=None, limited=False):
    """Returns the exit status of a command; None: it took longer than that."""
    limits = 'ulimit -c 0; ' + ('ulimit -v %d; ' % MOST_KILOBYTES if limited else '')
    if seconds:  # of processor time, too: an endless loop ends even if this program is killed
        limits += 'ulimit -t %d; ' % (8 * seconds + 1)
    limits += 'exec "$@"'
    child = subprocess.Popen(['/bin/sh', '-c', limits, 'sh'] + command, cwd=cwd, env=dict(os.environ, **ENVIRONMENT),
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             start_new_session=True)
    late = threading.Event()

    def end():
        late.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, end) if seconds else None  # Popen.wait would look for the end now and then
    if timer:
        timer.start()
    try:
        status = child.wait()
        return None if late.is_set() else status
    finally:
        if timer:
            timer.cancel()
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
