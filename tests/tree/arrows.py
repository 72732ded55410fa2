#!/usr/bin/env python3
"""Checks that the includes of lib, graph, ops, extra and demos follow the order of the rooms, and draws it.

arrows.py ROOT          prints every include that breaks a rule, as file:line: why; fails if there is one
arrows.py --dot ROOT    prints the rooms and the arrows between them, for Graphviz
arrows.py --self-test   plants each kind of fault in a small tree and checks that it is reported
"""
import os
import posixpath
import re
import sys
import tempfile

# A room may include the rooms of the rows above its own. Rooms in one row do not know each other.
ROWS = [
    ['lib'],
    ['lib/kernels'],
    ['lib/pattern'],
    ['lib/matrix', 'lib/io'],
    ['graph/variable'],
    ['graph/tape'],
    ['graph/backward', 'graph/tools'],
    ['graph/derivative', 'graph/transform', 'graph/optim'],
    ['graph/check', 'graph/inspect', 'graph/save', 'graph/topology'],
    ['ops'],
    ['include/tulle'],
    ['extra/mpi/tulle'],
    ['extra/mpi', 'demos', 'demos/custom_op'],
]
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}

# Rooms that are lower, and still not to be included.
HIDDEN_FROM = {'lib/io': ['lib/kernels']}

# Private headers that another top-level folder may include, and why.
BORROWED = {
    'graph': ('the core shares the interior of lib', [
        'lib/arena.h', 'lib/check.h', 'lib/largest.h', 'lib/memory.h', 'lib/pointer_map.h', 'lib/pool.h',
        'lib/prefetch.h', 'lib/search.h', 'lib/sort.h', 'lib/status_private.h', 'lib/io/number.h', 'lib/io/safetensors_private.h',
        'lib/io/utf8.h', 'lib/kernels/kernels.h', 'lib/matrix/rows.h']),
}

TOP_FOLDERS = ['lib', 'graph', 'ops', 'include', 'extra', 'demos']
PROGRAMS = ['demos', 'extra']  # these see the public headers as installed: <tulle/NAME.h>

FOREIGN = ['mpi.h']  # <mpi.h> is MPI's; the tree's is <tulle/mpi.h>

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]*)"|<([^>\n]*)>|(.*))', re.M)
HEADER_LIST = re.compile(r'\b\w*headers\s*\+?=\s*files\(([^)]*)\)')
GENERATED_HEADER = re.compile(r"\b\w*headers\s*\+?=\s*configure_file\(\s*input:\s*'([^']*)\.in'")


def folder_of(file):
    return posixpath.dirname(file)


def top_of(file):
    return file.split('/')[0]


def stem_of(file):
    return posixpath.splitext(file)[0]


class Include:
    def __init__(self, file, line, text, angled, target):
        self.file, self.line, self.text, self.angled, self.target = file, line, text, angled, target


class Tree:
    """The sources under a root, their includes, and what is wrong with them."""

    def __init__(self, root):
        self.root = root
        self.faults = []
        self.files, builds = self.list_files()
        self.public = {}  # by bare name
        for build in builds:
            self.read_header_list(build)
        self.includes = [i for file in sorted(self.files) for i in self.read_includes(file)]

    def fault(self, file, line, why):
        self.faults.append('%s:%d: %s' % (file, line, why))

    def list_files(self):
        sources, builds = set(), []
        for top in TOP_FOLDERS:
            for folder, folders, names in os.walk(os.path.join(self.root, top)):
                folders.sort()
                for name in sorted(names):
                    path = os.path.relpath(os.path.join(folder, name), self.root).replace(os.sep, '/')
                    if name == 'meson.build':
                        builds.append(path)
                    elif name.endswith(('.c', '.h')):
                        sources.add(path)
                    elif name.endswith('.h.in'):
                        sources.add(path[:-len('.in')])
        return sources, builds

    def text_of(self, file):
        path = os.path.join(self.root, file)
        with open(path if os.path.exists(path) else path + '.in', encoding='utf-8') as f:
            return f.read()

    def read_header_list(self, build):
        """Adds what a meson.build installs to the public headers."""
        text = re.sub(r'#.*', '', self.text_of(build))
        for match in HEADER_LIST.finditer(text):
            for name in re.findall(r"'([^']*)'", match.group(1)):
                self.add_public(build, text.count('\n', 0, match.start()) + 1, name)
        for match in GENERATED_HEADER.finditer(text):
            self.add_public(build, text.count('\n', 0, match.start()) + 1, match.group(1))

    def add_public(self, build, line, name):
        path = posixpath.normpath(posixpath.join(folder_of(build), name))
        base = posixpath.basename(path)
        if path not in self.files:
            self.fault(build, line, 'there is no %s to install' % path)
        elif base in self.public:
            self.fault(build, line, '%s and %s would be installed as one file' % (self.public[base], path))
        else:
            self.public[base] = path

    def is_public(self, file):
        return self.public.get(posixpath.basename(file)) == file

    def read_includes(self, file):
        """Yields the includes of files of the tree; those of system headers are left out."""
        blank = lambda m: m.group() if m.group()[0] == '"' else re.sub(r'[^\n]', ' ', m.group())
        text = COMMENT_OR_STRING.sub(blank, self.text_of(file))
        for match in INCLUDE.finditer(text):
            quoted, angled, other = match.groups()
            line = text.count('\n', 0, match.start()) + 1
            if other is not None:
                self.fault(file, line, 'cannot tell what is included: %s' % other.strip())
            elif quoted is not None:
                yield Include(file, line, quoted, False, self.find(file, quoted))
            elif angled.startswith('tulle/'):
                yield Include(file, line, angled, True, self.public.get(angled[len('tulle/'):]))
            elif angled not in FOREIGN and (angled in self.files or angled in self.public):  # the compiler finds these, too
                self.fault(file, line, 'the header %s is the tree\'s own: included in quotes' % angled)
                yield Include(file, line, angled, True, self.public.get(angled, angled))

    def find(self, file, name):
        """Returns the file that is meant by a quoted name, or None."""
        beside = posixpath.join(folder_of(file), name)
        if '/' in name:
            return name if name in self.files else None
        if top_of(file) in PROGRAMS and beside in self.files:
            return beside
        if name in self.public:
            return self.public[name]
        if beside in self.files:
            return beside
        return next((f for f in sorted(self.files) if posixpath.basename(f) == name), None)

    # ---- Rules ----

    def check(self):
        """Returns what is wrong, a list of lines."""
        for file in sorted(self.files):
            if folder_of(file) not in LEVEL:
                self.fault(file, 1, '%s/ is no room: see ROWS in tests/tree/arrows.py' % folder_of(file))
        for i in self.includes:
            if i.target is None:
                self.fault(i.file, i.line, 'no room has a header %s' % i.text)
                continue
            self.check_spelling(i)
            self.check_arrow(i)
        self.check_circles()
        return self.faults

    def check_spelling(self, i):
        bare = '/' not in i.text
        name = posixpath.basename(i.target)
        if self.is_public(i.target):
            if top_of(i.file) in PROGRAMS:
                if not i.angled and not bare:
                    self.fault(i.file, i.line, 'the public header %s is included as <tulle/%s>'
                               % (i.target, name))
            elif i.angled or not bare:
                self.fault(i.file, i.line, 'the public header %s is included by its bare name' % i.target)
        elif bare and not (top_of(i.file) in PROGRAMS and folder_of(i.file) == folder_of(i.target)):
            self.fault(i.file, i.line, 'the private header %s is included by its path' % i.target)

    def check_arrow(self, i):
        room, other = folder_of(i.file), folder_of(i.target)
        private = not self.is_public(i.target)
        if self.is_public(i.file) and private:
            self.fault(i.file, i.line, 'a public header cannot include %s, which is not installed' % i.target)
        if room == other or room not in LEVEL or other not in LEVEL:
            return
        if LEVEL[other] > LEVEL[room]:
            self.fault(i.file, i.line, '%s includes %s, and %s is above %s' % (room, i.target, other, room))
        elif LEVEL[other] == LEVEL[room]:
            self.fault(i.file, i.line, '%s includes %s, and the two rooms are not to know each other'
                       % (room, i.target))
        elif other in HIDDEN_FROM.get(room, []):
            self.fault(i.file, i.line, '%s includes %s, and is not to know %s' % (room, i.target, other))
        elif private and top_of(room) != top_of(other):
            if i.target not in BORROWED.get(top_of(room), ('', []))[1]:
                self.fault(i.file, i.line, '%s is private to %s: see BORROWED in tests/tree/arrows.py'
                           % (i.target, top_of(other)))

    # ---- Circles ----

    def check_circles(self):
        rooms, headers, units = Arrows(), Arrows(), Arrows()
        for i in self.includes:
            if i.target is None:
                continue
            rooms.add(folder_of(i.file), folder_of(i.target), i)
            if i.file.endswith('.h'):
                headers.add(i.file, i.target, i)
            units.add(self.unit_of(i.file), self.unit_of(i.target), i)
        for circle in headers.circles():
            self.circle_fault(headers, circle, 'headers include each other')
        units = units.between({self.unit_of(f) for f in self.files if f.endswith('.c')})
        for circle in units.circles():
            self.circle_fault(units, circle, 'files include each other')
        for circle in rooms.circles():
            self.circle_fault(rooms, circle, 'rooms include each other')

    def unit_of(self, file):
        """Returns the name of a file's unit: X.c and a private X.h are one. A public header is one of its
        own, as the private headers that X.c includes need its types."""
        return file if self.is_public(file) else stem_of(file)

    def circle_fault(self, arrows, circle, what):
        first = arrows.why[circle[0], circle[1]]
        self.fault(first.file, first.line, '%s: %s' % (what, ' -> '.join(circle)))


class Arrows:
    """A directed graph; `why` has one include for each arrow, `count` their number."""

    def __init__(self):
        self.to, self.why, self.count = {}, {}, {}

    def add(self, a, b, include):
        if a == b:
            return
        self.to.setdefault(a, set()).add(b)
        self.why.setdefault((a, b), include)
        self.count[a, b] = self.count.get((a, b), 0) + 1

    def path_back(self, start):
        """Returns the shortest circle through a node, its first node at both ends, or None."""
        before, queue = {start: None}, [start]
        for node in queue:
            for next_node in sorted(self.to.get(node, [])):
                if next_node == start:
                    path = [start]
                    while node is not None:
                        path.append(node)
                        node = before[node]
                    return path[::-1]
                if next_node not in before:
                    before[next_node] = node
                    queue.append(next_node)
        return None

    def circles(self):
        """Yields one circle through each node that is on one and on no circle yielded before."""
        seen = set()
        for node in sorted(self.to):
            circle = None if node in seen else self.path_back(node)
            if circle:
                seen.update(circle)
                yield circle

    def between(self, nodes):
        """Returns the arrows between these nodes, directly or through others: a header without code of its
        own is no link of a circle, it extends the includes of the file that includes it."""
        result = Arrows()
        for a in nodes:
            queue = [(b, self.why[a, b]) for b in sorted(self.to.get(a, []))]
            seen = set()
            for b, include in queue:
                if b in nodes:
                    result.add(a, b, include)
                elif b not in seen:
                    seen.add(b)
                    queue += [(c, include) for c in sorted(self.to.get(b, []))]
        return result


# ---- The picture ----

HEAD = '''digraph rooms {
    label="A -> B: files in A include headers in B, as often as the number says."
    labelloc=t fontname="Helvetica" fontsize=11 fontcolor="#666666"
    ranksep=0.32 nodesep=0.5 newrank=true pad=0.2
    node [shape=box style="rounded,filled" fillcolor=white color="#777777" fontname="Helvetica" fontsize=12
          margin="0.18,0.07"]
    edge [fontname="Helvetica" fontsize=9 arrowsize=0.6]
'''
FILL = {'lib': '#e3eedd', 'graph': '#dfe9f6', 'ops': '#fbeccf'}
INK = {'lib': '#5d8a4a', 'graph': '#4a74a8', 'ops': '#b98a2b'}
GREY, PALE, RED = '#888888', '#f1f1f1', '#d02020'


def print_room(room, files, note, alone):
    """Prints the box of a room; `alone`: it is not in a cluster."""
    name = room if alone else posixpath.basename(room)
    if room in TOP_FOLDERS and not alone:
        name = 'base'
    small = ['%d file%s' % (files, 's' if files > 1 else '')] + ([note] if note else [])
    if room == 'include/tulle':
        name, small = 'tulle.h', []
    label = '<br/>'.join([name] + ['<font point-size="9">%s</font>' % line for line in small])
    fill = ' fillcolor="%s"' % FILL.get(top_of(room), PALE) if alone else ''
    print('    "%s" [label=<%s>%s]' % (room, label, fill))


def print_arrow(a, b, count):
    wrong = a not in LEVEL or b not in LEVEL or LEVEL[a] <= LEVEL[b]
    ink = RED if wrong else INK.get(top_of(a), GREY)
    look = ['color="%s" fontcolor="%s" penwidth=%.1f' % (ink, ink, 0.7 + min(count, 16) / 8)]
    look += [] if a == 'include/tulle' else ['label=" %d"' % count]
    look += ['constraint=false'] if wrong else []
    print('    "%s" -> "%s" [%s]' % (a, b, ' '.join(look)))


def draw(tree):
    """Prints the rooms, with a cluster for a top-level folder of several, and the arrows between them. Nearly
    every room includes the files at the bottom: their box has a number instead of arrows. The umbrella
    includes all rooms: one arrow, to the uppermost, stands for them."""
    arrows, sizes = Arrows(), {}
    for file in tree.files:
        sizes[folder_of(file)] = sizes.get(folder_of(file), 0) + 1
    for i in tree.includes:
        if i.target is not None:
            arrows.add(folder_of(i.file), folder_of(i.target), i)
    print(HEAD, end='')
    for top in TOP_FOLDERS:
        rooms = sorted(room for room in sizes if top_of(room) == top)
        if len(rooms) > 1:
            print('    subgraph cluster_%s { label="%s" labeljust=l fontsize=14 style="rounded,filled" '
                  'fontcolor="%s" color="%s"' % (top, top, INK.get(top, GREY), FILL.get(top, PALE)))
        for room in rooms:
            uses = sum(count for (_, b), count in arrows.count.items() if b == room)
            note = 'included %d times' % uses if room == 'lib' else ''
            print_room(room, sizes[room], note, len(rooms) == 1)
        if len(rooms) > 1:
            print('    }')
    rows = [row for row in ([room for room in row if room in sizes] for row in ROWS) if row]
    for lower, upper in zip(rows, rows[1:]):  # keeps the rows apart where no arrow does
        for room in upper:
            print('    "%s" -> { %s } [style=invis weight=2]' % (room, ' '.join('"%s"' % r for r in lower)))
    for (a, b), count in sorted(arrows.count.items()):
        to_base = b == 'lib' and a in LEVEL
        if not to_base and (a != 'include/tulle' or b == 'ops'):
            print_arrow(a, b, count)
    print('}')


# ---- Self-test ----

def faults_of(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, folder_of(path)), exist_ok=True)
            with open(os.path.join(root, path), 'w', encoding='utf-8') as f:
                f.write(text)
        return Tree(root).check()


def self_test():
    """Returns the exit status."""
    sys.dont_write_bytecode = True  # the sources may be read-only
    from arrows_faults import SOUND, PLANTED
    missed = ['in the sound tree: ' + fault for fault in faults_of(SOUND)]
    for files, expected in PLANTED:
        faults = faults_of(dict(SOUND, **files))
        if not any(fault.startswith(expected) for fault in faults):
            missed.append('expected: %s\nreported: %s' % (expected, '\n          '.join(faults) or 'nothing'))
    print('\n'.join(missed) or 'a sound tree passes; %d planted faults are reported' % len(PLANTED))
    return 1 if missed else 0


def main(arguments):
    if arguments == ['--self-test']:
        return self_test()
    if len(arguments) == 2 and arguments[0] == '--dot':
        draw(Tree(arguments[1]))
        return 0
    if len(arguments) != 1 or arguments[0].startswith('-'):
        print('arrows.py: wants ROOT, --dot ROOT or --self-test', file=sys.stderr)
        return 2
    tree = Tree(arguments[0])
    faults = tree.check()
    if faults:
        print('\n'.join(faults), file=sys.stderr)
        return 1
    if not tree.includes:
        print('arrows.py: %s has no sources' % arguments[0], file=sys.stderr)
        return 1
    print('%d files, %d includes: each arrow points down, and there is no circle'
          % (len(tree.files), len(tree.includes)))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
