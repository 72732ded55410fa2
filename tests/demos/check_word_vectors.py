"""What check_demo.py checks of word_vectors: texts, and the files that it writes."""
import struct

from demo_files import TEXT


def more(demo):
    """A text of thirteen words, its vectors as text and .npy, and texts that are too short."""
    demo.fails(1, 'the goal is missed: loss', demo.budget + ['--goal', '0'])
    if demo.fails(1, "--near: the vocabulary has no 'nothing'", demo.budget + ['--near', 'nothing']):
        demo.wrong(['--near', 'nothing'], 'refused after the run')
    demo.write('a.txt', 'alone ' * 20 + 'once')
    demo.fails(1, 'the text has no pairs', '--data a.txt --least 1 --sample 1e-9'.split())
    demo.write('a.txt', TEXT)
    out, _ = demo.run('--data a.txt --rank 3 --goal 9 --sample 0 --near cat --npy a.npy --text a.out'.split())
    if '280 words, 13 different ones' not in out:
        demo.wrong([], 'a text: %s' % out)
    lines = demo.read('a.out').splitlines()
    if lines[0] != '13 3' or len(lines) != 14 or not lines[1].startswith('the ') or len(lines[1].split()) != 4:
        demo.wrong([], 'a.out: %s' % lines)
    with open(demo.path('a.npy'), 'rb') as file:
        whole = file.read()
    vectors = struct.unpack('<39f', whole[-156:])
    if [struct.unpack('<f', struct.pack('<f', float(x)))[0] for x in lines[1].split()[1:]] != list(vectors[:3]):
        demo.wrong([], 'a.npy: %s' % (vectors[:3],))
    demo.fails(1, 'a.txt: 0 words occur 100 times or more', '--data a.txt --least 100'.split())
    check_long_words(demo)


def check_long_words(demo):
    """Words are cut between characters: of 63 that are read, 14 or 13 are shown."""
    words = ['\u03b1' * 100, 'a' + '\u03b1' * 100, '\U0001d11e' * 70, 'b' * 100]
    demo.write('long.txt', ' '.join(words * 10))
    near = ','.join(words)
    out, _ = demo.run(['--data', 'long.txt', '--rank', '2', '--goal', '9', '--sample', '0', '--near', near, '--text', 'a.out'])
    if sorted(line.split()[0] for line in demo.read('a.out').splitlines()[1:]) != sorted(word[:63] for word in words):
        demo.wrong([], 'long words: %s' % demo.read('a.out'))
    for word in words:
        if '  %s:' % word[:14] not in out or ' %s' % word[:13] not in out or '\ufffd' in out:
            demo.wrong([], 'long words: %s' % out)
