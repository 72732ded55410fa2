"""The faults that mutants.py plants: a small tokenizer of C, and one function per mutation operator.

The tree is formatted by clang-format, which tells binary operators from unary ones and products from pointers:
a binary operator has white space on both sides.
"""
import re

TOKEN = re.compile(r'''
    (?P<blank>\s+|/\*.*?\*/|//[^\n]*)
  | (?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>(?:\d|\.\d)(?:[eEpP][+-]|[\w.])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<mark>->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\.\.\.|.)
''', re.S | re.M | re.X)

OPEN, CLOSE = {'(': ')', '[': ']', '{': '}'}, {')', ']', '}'}
KEYWORDS = {'if', 'else', 'for', 'while', 'do', 'switch', 'case', 'default', 'return', 'break', 'continue',
            'goto', 'sizeof', 'const', 'static', 'struct', 'enum', 'union', 'void', 'typedef', 'extern'}
ASSIGN = {'=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>='}

# Marks that end an operand, from the weakest on. One of a row ends the operands of those after it as well.
BINDING = [{';', ','}, ASSIGN, {'?', ':'}, {'||'}, {'&&'}, {'|'}, {'^'}, {'&'}, {'==', '!='},
           {'<', '>', '<=', '>='}, {'<<', '>>'}, {'+', '-'}, {'*', '/', '%'}]
LEVEL = {mark: level for level, marks in enumerate(BINDING) for mark in marks}

# Names that are easily confused. A replacement that is not declared at that place does not compile.
TWINS = [('a', 'b'), ('da', 'db'), ('a_trans', 'b_trans'), ('a_t', 'b_t'), ('rows', 'cols'), ('row', 'col'),
         ('m', 'n'), ('n', 'k'), ('i', 'j'), ('outer', 'inner'), ('value', 'gradient'), ('val', 'grad'),
         ('out', 'grad'), ('TL_TRANSPOSE_A', 'TL_TRANSPOSE_B'), ('TL_NO_TRANSPOSE', 'TL_TRANSPOSE_BOTH'),
         ('can_overwrite', 'no_gradient'), ('INFINITY', 'NAN')]
# Names of sizes: an argument that ends in one is made less by 1.
SIZES = {'n', 'm', 'k', 'size', 'rows', 'cols', 'nnz', 'outer', 'inner', 'end', 'begin', 'width', 'count'}


def one_line(text):
    """Returns lines of code without their comments, as one."""
    return ' '.join(re.sub(r'/\*.*?\*/', '', text, flags=re.S).split())


# Exchanging these two neighbouring arguments of a call is no fault: the first of them, from 0 on.
COMMUTING = {'tl_scratch': 1, 'tl_scratch_copy': 1, 'tl_reserve_workspace': 1, 'tl_shape_equal': 0, 'memcmp': 0,
             'fmin': 0, 'fmax': 0, 'tl_add': 0, 'tl_mul': 0, 'tl_sum_run': 1}

# Loops whose second argument is the size of a task or the cost of an iteration.
PARALLEL = {'tl_parallel_for', 'tl_parallel_rows', 'tl_parallel_columns', 'tl_run_tasks'}
# Constants of enums that divide work, and change no result but by rounding.
WORK = ('BLOCK', 'GRAIN', 'MAX_COLUMNS', 'MAX_TASKS', 'MIN_COLUMNS', 'NARROW', 'PARTIALS', 'PRODUCTS_OF_TASK', 'STRIP',
        'TILE', 'WIDTH')


class Token:
    def __init__(self, kind, text, begin, end):
        self.kind, self.text, self.begin, self.end = kind, text, begin, end


class Mutant:
    """A fault in a file: `edits` are (begin, end, replacement)."""

    def __init__(self, source, operator, edits):
        self.file, self.operator = source.file, operator
        text = source.text
        begin, end = edits[0][0], edits[-1][1]
        self.line = text.count('\n', 0, begin) + 1
        self.function = source.function_at(begin)
        pieces, place = [], 0
        for first, last, replacement in edits:
            pieces += [text[place:first], replacement]
            place = last
        self.text = ''.join(pieces) + text[place:]
        line_begin, tail = text.rfind('\n', 0, begin) + 1, len(text) - (text + '\n').find('\n', end)
        self.old = one_line(text[line_begin:len(text) - tail])
        self.new = one_line(self.text[line_begin:len(self.text) - tail])

    @property
    def key(self):
        return self.file, self.function, self.operator, self.old, self.new

    def __str__(self):
        return '%s:%d: %s: %s\n- %s\n+ %s' % (self.file, self.line, self.function, self.operator, self.old, self.new)


class Source:
    """A file's tokens, which of them have mates and are code, and the functions that they are in."""

    def __init__(self, file, text):
        self.file, self.text = file, text
        self.tokens = [Token(m.lastgroup, m.group(), m.start(), m.end()) for m in TOKEN.finditer(text)
                       if m.lastgroup not in ('blank', 'directive')]
        self.mate, self.inside = {}, {}  # the other bracket; the bracket around a token
        stack = []
        for k, token in enumerate(self.tokens):
            self.inside[k] = self.tokens[stack[-1]].text if stack else ''
            if token.text in OPEN and token.kind == 'mark':
                stack.append(k)
            elif token.text in CLOSE and token.kind == 'mark' and stack:
                self.mate[k] = stack.pop()
                self.mate[self.mate[k]] = k
        self.functions = []  # (name, first token of the body, last, whether it is a function)
        self.find_bodies()

    def find_bodies(self):
        """Finds what is mutated: bodies of functions, initialisers, constants of enums. Types are left alone."""
        k, begin = 0, 0
        while k < len(self.tokens):
            token = self.tokens[k]
            if token.text in OPEN and k in self.mate:
                words = [t.text for t in self.tokens[begin:k] if t.kind == 'word']
                before = self.tokens[k - 1].text if k else ''
                if token.text == '{' and before == ')':
                    name = self.tokens[self.mate[k - 1] - 1].text
                    self.functions.append((name, k, self.mate[k], True))
                elif token.text == '{' and words and (before == '=' or 'enum' in words and 'typedef' not in words):
                    self.functions.append((words[-1], k, self.mate[k], False))
                k = self.mate[k]
                if token.text == '{' and before == ')':
                    begin = k + 1
            elif token.text == ';':
                begin = k + 1
            k += 1

    def function_at(self, place):
        for name, first, last, _ in self.functions:
            if self.tokens[first].begin <= place <= self.tokens[last].end:
                return name
        return '-'

    def words_at(self, place):
        """Returns the words of the function at this place, with its parameters."""
        k = next(k for k, f in enumerate(self.functions) if place <= self.tokens[f[2]].end)
        begin = self.functions[k - 1][2] if k else 0
        return {t.text for t in self.tokens[begin:self.functions[k][2]]}

    def is_at(self, k, *texts):
        return 0 <= k < len(self.tokens) and self.tokens[k].text in texts and self.tokens[k].kind != 'text'

    def is_binary(self, k):
        token = self.tokens[k]
        return (token.kind == 'mark' and self.text[token.begin - 1].isspace() and self.text[token.end].isspace()
                and not self.is_at(k - 1, *ASSIGN, '(', ',', 'return', '?', ':'))

    def span(self, first, last):
        """Returns the places in the text of tokens first .. last."""
        return self.tokens[first].begin, self.tokens[last].end

    def right_of(self, k, level):
        """Returns the last token of the operand that begins at k, of an operator of this level."""
        last = k
        while last + 1 < len(self.tokens):
            if last in self.mate and self.mate[last] > last:
                last = self.mate[last]
                continue
            token = self.tokens[last + 1]
            if token.text in CLOSE or (token.kind == 'mark' and LEVEL.get(token.text, 99) <= level and (
                    token.text in ';,' or self.is_binary(last + 1) or LEVEL[token.text] < 5)):
                break
            last += 1
        return last

    def left_of(self, k, level):
        """Returns the first token of the operand that ends at k."""
        first = k
        while first > 0:
            if first in self.mate and self.mate[first] < first:
                first = self.mate[first]
                continue
            token = self.tokens[first - 1]
            if token.text in OPEN or token.text in ('return', 'case') or (
                    token.kind == 'mark' and LEVEL.get(token.text, 99) <= level and (
                        token.text in ';,' or self.is_binary(first - 1) or LEVEL[token.text] < 5)):
                break
            first -= 1
        return first


# ---- Operators: each yields lists of edits for token k ----

def sign(s, k):
    """+ for -, += for -=; unary minus dropped, or added to what is stored."""
    token = s.tokens[k]
    other = {'+': '-', '-': '+', '+=': '-=', '-=': '+='}.get(token.text)
    if other and s.is_binary(k):
        yield [(token.begin, token.end, other)]
    elif token.text == '-':
        yield [(token.begin, token.end, '')]
    if token.text in ('=', '+=', '-=', '*=') and s.is_at(k - 1, ']') and not s.is_at(k + 1, '{'):
        first, last = s.span(k + 1, s.right_of(k + 1, 1))
        yield [(first, last, '-(%s)' % s.text[first:last])]


def term(s, k):
    """An addend, factor, divisor or operand of a logical or bitwise operator is missing."""
    token = s.tokens[k]
    if token.kind != 'mark' or LEVEL.get(token.text, 0) < 3 or not s.is_binary(k) or \
            token.text in ('<', '>', '<=', '>=', '==', '!='):
        return
    level = LEVEL[token.text]
    last = s.tokens[s.right_of(k + 1, level)].end
    yield [(s.tokens[k - 1].end, last, '')]
    if token.text not in ('/', '%', '<<', '>>'):
        first = s.tokens[s.left_of(k - 1, level)].begin
        yield [(first, s.tokens[k + 1].begin, '-' if token.text == '-' else '')]


def assignment(s, k):
    """= for +=, += for =."""
    token = s.tokens[k]
    if token.text in ('+=', '-=', '*=', '|='):
        yield [(token.begin, token.end, '=')]
    elif token.text == '=' and s.is_binary(k):
        first = s.left_of(k - 1, 1)
        if s.is_at(first, '.') or any(t.text in KEYWORDS for t in s.tokens[first:k]) or any(
                a.kind == b.kind == 'word' for a, b in zip(s.tokens[first:k], s.tokens[first + 1:k])):
            return
        yield [(token.begin, token.end, '+=')]


def loop_edge(s, k):
    """A loop begins one late, or ends one early or late."""
    if not s.is_at(k, 'for') or k + 1 not in s.mate:
        return
    parts = [j for j in range(k + 2, s.mate[k + 1]) if s.is_at(j, ';')]
    for j in range(k + 2, s.mate[k + 1]):
        if s.is_at(j, '=') and j < parts[0]:
            last = s.tokens[s.right_of(j + 1, 0)]
            yield [(last.end, last.end, ' + 1')]
        elif s.is_at(j, '<', '<=', '>', '>=') and parts[0] < j < parts[1]:
            last = s.tokens[s.right_of(j + 1, LEVEL['<'])]
            yield [(last.end, last.end, ' - 1' if s.is_at(j, '<', '<=') else ' + 1')]


def comparison(s, k):
    token = s.tokens[k]
    other = {'<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '==', '&&': '||', '||': '&&'}
    if token.text in other and s.is_binary(k):
        yield [(token.begin, token.end, other[token.text])]


def condition(s, k):
    """A condition holds always, or never."""
    if s.is_at(k, 'if', 'while') and s.is_at(k + 1, '('):
        for constant in ('true', 'false'):
            if s.is_at(k, 'if') or constant == 'false':
                yield [s.span(k + 2, s.mate[k + 1] - 1) + (constant,)]
    elif s.is_at(k, '?'):
        first = s.left_of(k - 1, 2)
        middle = next((j for j in range(k, len(s.tokens)) if s.is_at(j, ':')), k)
        last = s.right_of(middle + 1, 1)
        for chosen in (s.span(k + 1, middle - 1), s.span(middle + 1, last)):
            yield [s.span(first, last) + (s.text[slice(*chosen)],)]


def constant(s, k):
    token = s.tokens[k]
    if token.text in ('true', 'false'):
        yield [(token.begin, token.end, 'false' if token.text == 'true' else 'true')]
    elif token.text == '!' and token.kind == 'mark':
        yield [(token.begin, token.end, '')]
    elif token.kind == 'number':
        known = {'0': '1', '1': '0', '0.5': '0.25', '0.5f': '0.25f'}
        suffix = re.search(r'[a-zA-Z]*$', token.text).group()
        yield [(token.begin, token.end, known.get(token.text, '(%s + 1%s)' % (token.text, suffix)))]


def transposition(s, k):
    """A name for its twin, neighbouring arguments exchanged, a call replaced by its only argument."""
    token = s.tokens[k]
    if token.kind != 'word':
        return
    for a, b in TWINS:
        twin = {a: b, b: a}.get(token.text)
        if twin and (s.is_at(k - 1, '->', '.') or twin[0].isupper() or twin in s.words_at(token.begin)):
            yield [(token.begin, token.end, twin)]
    if token.text in KEYWORDS or not s.is_at(k + 1, '(') or k + 1 not in s.mate:
        return
    arguments, first = [], k + 2
    while first < s.mate[k + 1]:
        last = s.right_of(first, 0)
        arguments.append(s.span(first, last))
        first = last + 2
    for place, (one, two) in enumerate(zip(arguments, arguments[1:])):
        if s.text[slice(*one)] != s.text[slice(*two)] and COMMUTING.get(token.text) != place:
            yield [one + (s.text[slice(*two)],), two + (s.text[slice(*one)],)]
    if len(arguments) == 1:
        yield [s.span(k, s.mate[k + 1]) + (s.text[slice(*arguments[0])],)]


def last_element(s, k):
    """A call gets a size that is less by 1."""
    if s.tokens[k].text in SIZES and s.is_at(k + 1, ',', ')') and not s.is_at(k - 1, '+', '-') or (
            s.tokens[k].text in SIZES and s.is_at(k - 1, '-') and s.is_binary(k - 1) and s.is_at(k + 1, ',', ')')):
        end = s.tokens[k].end
        yield [(end, end, ' - 1')]


def statement(s, k):
    """A call, an assignment or a jump is missing."""
    if s.inside[k] != '{' or not s.is_at(k - 1, ';', '{', '}', ')', 'else') or s.tokens[k].text in CLOSE | {';', '{'}:
        return
    if s.is_at(k - 1, ')') and not s.is_at(s.mate.get(k - 1, 0) - 1, 'if', 'for', 'while'):
        return
    if s.is_at(k, 'if', 'for', 'while', 'do', 'switch', 'else', 'case', 'default', 'const', 'static', 'struct'):
        return
    semicolon = next((j for j in range(k, len(s.tokens)) if s.is_at(j, ';')), k)
    tokens = s.tokens[k:semicolon]
    is_call = len(tokens) > 1 and tokens[0].kind == 'word' and tokens[1].text == '('
    is_store = any(t.text in ASSIGN or t.text in ('++', '--') for t in tokens) and not (
        len(tokens) > 1 and tokens[0].kind == 'word' and (
            tokens[1].kind == 'word' or tokens[1].text == '*' and tokens[2].kind == 'word'))
    if is_call or is_store or s.is_at(k, 'return', 'break', 'continue'):
        yield [(s.tokens[k].begin, s.tokens[semicolon].end, ';')]


def field(s, k):
    """A designated field is left out. can_overwrite is a permission, which an op may leave unused."""
    if s.is_at(k, '.') and s.is_at(k - 1, ',', '{') and s.is_at(k + 2, '=') and not s.is_at(k + 1, 'can_overwrite'):
        last = s.right_of(k + 3, 0)
        yield [(s.tokens[k].begin, s.tokens[last + s.is_at(last + 1, ',')].end, '')]


OPERATORS = [('sign', sign), ('missing term', term), ('assignment', assignment), ('edge', loop_edge),
             ('comparison', comparison), ('condition', condition), ('constant', constant),
             ('transposition', transposition), ('last element', last_element),
             ('missing statement', statement), ('missing field', field)]


def is_permission(s, k):
    """Tells whether token k is in the value of can_overwrite, where only another bit is a fault, not one less."""
    begin = s.left_of(k, 0)
    if not s.is_at(begin, '.') or not s.is_at(begin + 1, 'can_overwrite') or k == begin + 1:
        return False
    return s.tokens[k].text != '0' or any(s.is_at(j, '|') for j in range(k, s.right_of(k, 0)))


def sizes_tasks(s, k):
    """Tells whether token k is in a size that divides work: the second argument of a parallel loop, an op's .grain, or
    the value of a constant that is in WORK."""
    for j in range(k, -1, -1):
        if s.is_at(j, ';', '{', '}'):
            return False
        if s.is_at(j, *WORK) and s.is_at(j + 1, '=') and s.is_at(j - 1, '{', ','):
            return k <= s.right_of(j + 2, 0)
        if s.is_at(j, '.') and s.is_at(j + 1, 'grain') and s.is_at(j + 2, '='):
            return k <= s.right_of(j + 3, 0)
        if s.is_at(j, *PARALLEL) and s.is_at(j + 1, '(') and k <= s.mate[j + 1]:
            begin = s.right_of(j + 2, 0) + 2
            return begin <= k <= s.right_of(begin, 0)
    return False


def mutants_of(file, text):
    """Returns the mutants of a file in the order of its lines, none twice."""
    source = Source(file, text)
    mutants, seen = [], {text}
    for _, first, last, is_code in source.functions:
        for k in range(first + 1, last):
            if is_permission(source, k) or sizes_tasks(source, k):
                continue
            for name, operator in OPERATORS:
                if name == 'missing statement' and not is_code:
                    continue
                for edits in operator(source, k):
                    mutant = Mutant(source, name, edits)
                    if mutant.text not in seen and mutant.old != mutant.new:
                        seen.add(mutant.text)
                        mutants.append(mutant)
    return sorted(mutants, key=lambda m: m.line)
