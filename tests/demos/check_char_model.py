"""What check_demo.py checks of char_model: each kind of network, texts, samples."""


def sample_of(out):
    """The sample in what char_model prints, without its indent and line breaks."""
    return ''.join(line[2:] for line in out.split('sample:\n')[1].split('\n\nGoal reached')[0].split('\n'))


def check_cell(demo, cell, own):
    """A network of another kind: its goal; its state, in the middle of a run; its sample."""
    budget = demo.budget + ['--cell', cell, '--prompt', 'the ', '--json', 'a.json'] + own
    out, _ = demo.run(budget)
    rows = demo.results('a.json')
    others, _ = demo.run(budget + ['--threads', '7', '--json', 'b.json'])
    if demo.results('b.json') != rows or sample_of(others) != sample_of(out) or not sample_of(out).startswith('the '):
        demo.wrong(budget, '7 threads: %s, %s' % (others, rows))
    if demo.has_checkpoints:
        demo.kill_once_saved(budget, 'cell.ckpt')
        resumed, _ = demo.run(budget + ['--resume', 'cell.ckpt', '--json', 'b.json'])
        if demo.results('b.json') != rows or sample_of(resumed) != sample_of(out):
            demo.wrong(budget, 'resumed: %s' % resumed)
    return rows[0]


def check_texts(demo, short):
    """Texts that are UTF-8 or not, long enough or not, with and without lines."""
    for bad in b'\x80', b'\xff', b'\xc0\x80', b'\xe0\x80\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xe2\x82':
        demo.write('a.txt', b'abc' + bad)
        demo.fails(1, 'a.txt: byte 4 is not UTF-8', short + ['--data', 'a.txt'])
    demo.write('a.txt', 'ab' * 9)
    demo.fails(1, 'a.txt: 17 characters to learn from, but --batch 2 and --window 5 need 21',
               short + ['--data', 'a.txt', '--window', '5'])
    demo.write('a.txt', 'abcdefghi')
    demo.fails(1, 'a.txt: 9 characters to learn from, but --batch 1 and --window 2 need 10',
               ['--data', 'a.txt', '--batch', '1', '--window', '2'])
    demo.write('a.txt', ''.join(chr(0x4e00 + k) for k in range(20001)))
    demo.fails(1, 'a.txt: more than 20000 different characters', short + ['--data', 'a.txt'])
    demo.fails(1, r'\.: Is a directory', short + ['--data', '.'])
    letters = 'a\x1b\x7f\u0085\u00e9\u20ac\U0001f600\n'
    demo.write('a.txt', letters * 20)
    out, _ = demo.run(short + ['--data', 'a.txt', '--sample', '400', '--temperature', '9'])
    if '160 characters, 8 different ones; 16 held out' not in out or set(sample_of(out)) != set('a?\u00e9\u20ac\U0001f600'):
        demo.wrong([], 'a text: %r' % out)
    if any(len(line) > 80 for line in out.split('\n')):
        demo.wrong([], 'more than 80 columns: %r' % out)
    demo.write('a.txt', 'xy' * 50)
    out, _ = demo.run(short + ['--data', 'a.txt', '--sample', '1', '--prompt', 'xyx'])
    if sample_of(out)[:3] != 'xyx' or len(sample_of(out)) != 4:
        demo.wrong([], 'a sample of one character: %r' % out)
    out, _ = demo.run(short + ['--data', 'a.txt', '--sample', '0'])
    if 'sample' in out:
        demo.wrong([], 'a sample of nothing: %r' % out)


def more(demo):
    """What is checked in addition to what is checked of every demo."""
    units = 48
    rows = {'gru': demo.results('a.json')[0], 'lstm': check_cell(demo, 'lstm', []),
            'transformer': check_cell(demo, 'transformer', '--steps 400 --every 200 --learning-rate 0.006'.split())}
    for cell, matrices in ('gru', 3), ('lstm', 4), ('transformer', 8):
        if rows[cell]['cell'] != cell or rows[cell]['connections'] != matrices * units * units // 4:
            demo.wrong([], 'connections: %s' % rows[cell])
    short = '--units 8 --steps 1 --batch 2 --window 4 --goal 99'.split()
    demo.run(short + ['--density', '1', '--layers', '2', '--json', 'b.json'])
    if demo.results('b.json')[0]['connections'] != 2 * 3 * 8 * 8:
        demo.wrong([], 'two dense layers: %s' % demo.results('b.json'))
    demo.fails(1, 'the goal is missed: .* bits per character, at most 0', short + ['--goal', '0'])
    for prompt, text in ('the \u00e9', 'character 5 is not in the text'), ('a\udcff', 'byte 2 is not UTF-8'):
        if demo.fails(1, '--prompt: ' + text, short + ['--prompt', prompt]):
            demo.wrong(['--prompt', prompt], 'refused after the run')
    check_texts(demo, short)
