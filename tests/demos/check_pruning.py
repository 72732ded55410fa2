"""What check_demo.py checks of pruned_mlp and sparse_cnn: gradual pruning, weights in files."""


def gradual(demo):
    """Up to the first removal all methods are the dense one, and every method keeps what the density allows."""
    slowly = '--epochs 2 --hidden 128,64 --gradual --goal 0.5 --density 0.02'.split()
    demo.run(slowly + ['--json', 'b.json'])
    for row in demo.results('b.json')[1:]:
        if row['removed'] != 128 * 256 + 64 * 128 - 655 - 164:
            demo.wrong(slowly, 'removed: %s' % row)
        if (row['revived'] > 0) != (row['method'] == 'mask-gradients'):
            demo.wrong(slowly, 'revived: %s' % row)
    whole = '--epochs 1 --hidden 64 --density 1 --goal 0.5'.split()
    for extra in [], ['--gradual']:
        demo.run(whole + extra + ['--json', 'b.json'])
        if len({row['accuracy'] for row in demo.results('b.json')}) != 1:
            demo.wrong(whole + extra, 'nothing is removed: %s' % demo.results('b.json'))


def apply(demo):
    """What one run saves, another reads, whichever method it is of; everything else is refused in a line."""
    rows = {row['method']: row for row in demo.results('a.json')}
    shape = ['--hidden', '128,64', '--goal', '0.5']
    for method in rows:
        demo.run(demo.budget + ['--method', method, '--save', 'a.safetensors'])
        demo.run(shape + ['--apply', 'a.safetensors', '--json', 'b.json'])
        applied = demo.results('b.json')[0]
        kept = 128 * 256 + 64 * 128 - (rows[method]['removed'] if method in ('set-mask', 'sparse') else 0)
        if abs(applied['accuracy'] - rows[method]['accuracy']) > 0.002 or applied['connections'] != kept + 64 * 10:
            demo.wrong(['--apply', method], '%s after %s' % (applied, rows[method]))
    demo.fails(1, 'a.safetensors: w1 is 256x128 in the file and 256x127 here; b1',
               ['--hidden', '127', '--apply', 'a.safetensors'])
    demo.fails(1, 'the goal is missed: accuracy', shape + ['--goal', '1', '--apply', 'a.safetensors'])
    demo.fails(1, 'no.safetensors: No such file', ['--apply', 'no.safetensors'])
    demo.write('b.safetensors', 'something else')
    demo.fails(1, 'b.safetensors: ', ['--apply', 'b.safetensors'])
    demo.run(demo.budget + ['--checkpoint', 'run.ckpt'])
    demo.fails(1, 'run.ckpt: .* is not in the file', shape + ['--apply', 'run.ckpt'])
    files = ['%s=b.txt' % flag for flag in ('--save', '--dot', '--svg', '--checkpoint', '--resume')]
    demo.trains_nothing(['--apply', 'a.safetensors'], files + '--density=1 --gradual --epochs=2 --batch=3 --learning-rate=1 '
                        '--optimizer=sgd --schedule=cosine --method=all --seed=1 --parts=2'.split(), ['--hidden', '--goal'])


def more_of_cnn(demo):
    """A tenth of the weights; and what nothing is removed from."""
    # a tenth of 9 * 8 + 72 * 16 + 4 * 4 * 16 * 10 weights; the first filters stay whole
    rows = demo.results('a.json')
    if [row['kept'] for row in rows] != ['dense', '10 %'] or abs(rows[1]['weights'] - rows[0]['weights'] / 10) > 2:
        demo.wrong([], 'weights: %s' % rows)
    # nothing is removed, and expanded filters are those of the dense network
    demo.run('--epochs 1 --filters 4 --density 1 --seeds 2 --goal 0'.split() + ['--json', 'b.json'])
    rows = [(row['seed'], row['accuracy'], row['loss'], row['weights']) for row in demo.results('b.json')]
    if rows[:2] != rows[2:] or rows[0] == rows[1]:
        demo.wrong([], '--density 1: %s' % rows)
    demo.run('--epochs 1 --batch 65536 --filters 4 --density 0.1 --goal 0 --seeds 2'.split() +
             ['--seed', str(2**64 - 1), '--json', 'b.json'])
    rows = demo.results('b.json')
    if abs(rows[2]['weights'] - rows[0]['weights'] / 10) > 2 or [row['seed'] for row in rows] != 2 * [2**64 - 1, 0]:
        demo.wrong([], 'a run of one step: %s' % rows)
    demo.fails(1, 'the goal is missed: accuracy', demo.budget + ['--goal', '2'])
    demo.fails(1, "--density: 50 % is listed twice", ['--density', '0.5,0.1,0.5'])
