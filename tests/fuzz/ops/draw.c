/* What a program is made of, drawn from bytes. After the last byte every draw is 0, the simplest choice. */
#include "tests/fuzz/ops/program.h"

static const uint8_t *next, *end;
static uint64_t length;

/* The finaliser of SplitMix64. */
static uint64_t mixed(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void tl_fuzz_bytes(const uint8_t *bytes, size_t n)
{
    next = bytes;
    end = bytes + n;
    length = n;
}

/* Returns the next byte. The length of the input decides what it stands for: the few seeds of the plain
 * driver then lead to as many programs as their mutations have lengths, while a change in place changes
 * little. */
static uint8_t next_byte(void)
{
    const uint64_t left = (uint64_t)(end - next);
    return (uint8_t)(*next++ ^ mixed(length << 32 | left));
}

int64_t tl_fuzz_draw(int64_t n)
{
    int64_t drawn = 0;
    for (int64_t most = 1; most < n && next < end; most *= 256)
        drawn = drawn * 256 + next_byte();
    return drawn % n;
}

bool tl_fuzz_rarely(int64_t n)
{
    return tl_fuzz_draw(n) == n - 1;
}

uint64_t tl_fuzz_seed_of_values(void)
{
    return mixed(0x9e3779b97f4a7c15 * (uint64_t)(1 + tl_fuzz_draw(1 << 16)));
}

/* ---- Memory ---- */

typedef struct block {
    struct block *before;
} block;

enum { HEAD = 64 };

void *tl_fuzz_block(fuzz_program *p, int64_t n, size_t size)
{
    block *b = calloc(1, HEAD + (size_t)n * size);
    FUZZ_CHECK(b);
    b->before = p->blocks;
    p->blocks = b;
    return (char *)b + HEAD;
}

tl_pattern *tl_fuzz_own(fuzz_program *p, tl_pattern *pattern, bool derived)
{
    FUZZ_CHECK(p->n_patterns < FUZZ_PATTERNS);
    if (!pattern) {
        p->status = TL_ERR_MEMORY;
        return NULL;
    }
    for (int32_t k = 0; k < p->n_patterns && derived; k++)
        derived = p->pattern[k] != pattern || p->derived[k];
    p->derived[p->n_patterns] = derived;
    return p->pattern[p->n_patterns++] = pattern;
}

/* ---- Values, sizes, patterns ---- */

tl_real *tl_fuzz_values(fuzz_program *p, int64_t n)
{
    static const double some[] = { INFINITY, -INFINITY, NAN, 0, 1e30, -1e-30 };
    uint64_t state = tl_fuzz_seed_of_values();
    const bool wild = p->wild && tl_fuzz_rarely(3);
    tl_real *values = tl_fuzz_block(p, n, sizeof *values);
    for (int64_t k = 0; k < n; k++) {
        const uint64_t z = mixed(state += 0x9e3779b97f4a7c15);
        const double magnitude = 0.2 + (double)(z >> 11) * 0x1p-53;
        values[k] = (tl_real)(z & 1 ? -magnitude : magnitude);
        if (wild && (z >> 1 & 15) == 0)
            values[k] = (tl_real)some[(z >> 5) % (sizeof some / sizeof *some)];
    }
    return values;
}

tl_real *tl_fuzz_expand(fuzz_program *p, const tl_pattern *on, const tl_real *values)
{
    const tl_csr a = tl_pattern_csr(on);
    tl_real *dense = tl_fuzz_block(p, a.rows * a.cols, sizeof *dense);
    for (int64_t i = 0; i < a.rows; i++)
        for (int64_t e = a.row_ptr[i]; e < a.row_ptr[i + 1]; e++)
            dense[i * a.cols + a.col[e]] = values[e];
    return dense;
}

int64_t tl_fuzz_size(const fuzz_program *p)
{
    return tl_fuzz_rarely(6) ? 1 : p->size[tl_fuzz_draw(4)];
}

tl_shape tl_fuzz_shape(const fuzz_program *p, int32_t rank)
{
    tl_shape s = { 0 };
    while (s.rank < rank) {
        s.dim[s.rank++] = tl_fuzz_size(p);
        if (tl_shape_size(s) > p->limit / 2)
            s.dim[s.rank - 1] = 1;
    }
    return s;
}

static tl_pattern *new_pattern(int64_t rows, int64_t cols)
{
    const double density[] = { 0.3, 0.5, 0.1, 0.9, 1, 0 };
    switch (tl_fuzz_draw(4)) {
    case 0: return tl_pattern_banded(rows, cols, tl_fuzz_draw(3), tl_fuzz_draw(3));
    case 1: return tl_pattern_fixed_fan_in(rows, cols, (rows + 2) / 3, tl_fuzz_seed_of_values());
    default: return tl_pattern_random(rows, cols, density[tl_fuzz_draw(6)], tl_fuzz_seed_of_values());
    }
}

tl_pattern *tl_fuzz_pattern(fuzz_program *p, int64_t rows, int64_t cols)
{
    if (!tl_fuzz_rarely(3))
        for (int32_t k = 0; k < p->n_patterns; k++)
            if (!p->derived[k] && tl_pattern_rows(p->pattern[k]) == rows &&
                tl_pattern_cols(p->pattern[k]) == cols)
                return p->pattern[k];
    return tl_fuzz_own(p, new_pattern(rows, cols), false);
}

/* ---- Leaves ---- */

int32_t tl_fuzz_add_variable(fuzz_program *p, fuzz_variable v)
{
    if (p->n_variables == FUZZ_VARIABLES || p->n >= FUZZ_ITEMS / 2)
        return -1;
    p->variable[p->n_variables++] = v;
    const tl_status status = tl_fuzz_world_variable(p->first, p->n_variables - 1);
    if (status == TL_OK)
        return p->n_variables - 1;
    p->status = status;
    return -1;
}

/* Returns a variable with values of this shape; `on`: sparse there, or masked. */
static int32_t new_variable(fuzz_program *p, tl_shape shape, tl_pattern *on, bool sparse)
{
    const int64_t n = on ? tl_pattern_nnz(on) : tl_shape_size(shape);
    tl_real *values = tl_fuzz_values(p, n);
    if (on)
        values = tl_fuzz_expand(p, on, values);
    return tl_fuzz_add_variable(
        p, (fuzz_variable){ .shape = shape, .pattern = on, .sparse = sparse, .start = values });
}

static int32_t add_leaf(fuzz_program *p, tl_shape shape, tl_pattern *on, bool sparse, bool variable)
{
    fuzz_item c = { .variable = -1, .shape = shape, .on = sparse ? on : NULL };
    if (variable) {
        c.variable = new_variable(p, shape, on, sparse);
        if (c.variable < 0)
            return -1;
    } else {
        c.data = tl_fuzz_values(p, sparse ? tl_pattern_nnz(on) : tl_shape_size(shape));
        c.borrowed = !tl_fuzz_rarely(4);
    }
    return tl_fuzz_add(p, &c);
}

static bool is_derived(const fuzz_program *p, const tl_pattern *on)
{
    int32_t k = 0;
    while (p->pattern[k] != on)
        k++;
    return p->derived[k];
}

/* Returns a new leaf of this shape: sparse on `on`, on another pattern if it is NULL, or dense. -1 if it
 * would be large, or if the pattern is derived. */
static int32_t new_leaf(fuzz_program *p, tl_shape shape, bool sparse, tl_pattern *on)
{
    if (tl_shape_size(shape) > p->limit || (on && is_derived(p, on)))
        return -1;
    const bool variable = !tl_fuzz_rarely(4);
    const bool masked = !sparse && variable && tl_fuzz_rarely(6);
    if (!on && (sparse || masked)) {
        on = tl_fuzz_pattern(p, tl_shape_rows(shape), tl_shape_cols(shape));
        if (!on)
            return -1;
    }
    return add_leaf(p, shape, sparse || masked ? on : NULL, sparse, variable);
}

int32_t tl_fuzz_table(fuzz_program *p, tl_shape shape)
{
    for (int32_t i = 0; i < p->n; i++)
        if (!p->item[i].op && p->item[i].variable >= 0 && !p->item[i].on &&
            tl_shape_equal(p->item[i].shape, shape) && !tl_fuzz_rarely(4))
            return i;
    const bool masked = tl_fuzz_rarely(8);
    tl_pattern *on = masked ? tl_fuzz_pattern(p, tl_shape_rows(shape), tl_shape_cols(shape)) : NULL;
    return masked && !on ? -1 : add_leaf(p, shape, on, false, true);
}

/* ---- Inputs ---- */

static bool is_kind(const fuzz_item *c, fuzz_kind kind)
{
    return !c->closed && (kind == FUZZ_EITHER || (kind == FUZZ_SPARSE) == (c->on != NULL));
}

int32_t tl_fuzz_pick(fuzz_program *p, fuzz_kind kind, int32_t least_rank, int32_t most_rank)
{
    int32_t fits[FUZZ_ITEMS], n = 0;
    for (int32_t i = p->n - 1; i >= 0; i--)
        if (is_kind(&p->item[i], kind) && p->item[i].shape.rank >= least_rank &&
            p->item[i].shape.rank <= most_rank)
            fits[n++] = i;
    if (n > 0 && !tl_fuzz_rarely(6))
        return fits[tl_fuzz_draw(tl_fuzz_rarely(3) || n < 4 ? n : 4)];
    const bool sparse = kind == FUZZ_SPARSE || (kind == FUZZ_EITHER && most_rank >= 2 && tl_fuzz_rarely(2));
    static const int32_t likely[] = { 2, 2, 2, 1, 3, 2, 4, 0 };
    int32_t rank = sparse ? 2 : likely[tl_fuzz_draw(8)];
    rank = rank < least_rank ? least_rank : rank > most_rank ? most_rank : rank;
    return new_leaf(p, tl_fuzz_shape(p, rank), sparse, NULL);
}

int32_t tl_fuzz_want(fuzz_program *p, fuzz_kind kind, tl_shape shape, tl_pattern *on)
{
    int32_t fits[FUZZ_ITEMS], n = 0;
    for (int32_t i = p->n - 1; i >= 0; i--)
        if (is_kind(&p->item[i], kind) && tl_shape_equal(p->item[i].shape, shape) &&
            (!on || p->item[i].on == on))
            fits[n++] = i;
    if (n > 0 && !tl_fuzz_rarely(4))
        return fits[tl_fuzz_draw(n)];
    const bool sparse = kind == FUZZ_SPARSE || (kind == FUZZ_EITHER && shape.rank == 2 && tl_fuzz_rarely(2));
    return new_leaf(p, shape, sparse, on);
}

/* ---- Choices that several ops share ---- */

bool tl_fuzz_any(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_pick(p, FUZZ_EITHER, 0, TL_MAX_RANK);
    return true;
}

bool tl_fuzz_dense(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 0, TL_MAX_RANK);
    return true;
}

/* Returns a shape that broadcasts to this one. */
tl_shape tl_fuzz_lesser(tl_shape s)
{
    const int32_t without = (int32_t)tl_fuzz_draw(s.rank + 1);
    tl_shape t = { .rank = s.rank - without };
    for (int32_t k = 0; k < t.rank; k++)
        t.dim[k] = tl_fuzz_rarely(3) ? 1 : s.dim[without + k];
    return t;
}

bool tl_fuzz_rows(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 1, TL_MAX_RANK);
    return true;
}

double tl_fuzz_number(void)
{
    static const double some[] = { 0.5, -1.5, 1, 0, 2, -0.25, 3, -1 };
    return some[tl_fuzz_draw(8)];
}

bool tl_fuzz_nowhere(const fuzz_item *c, tl_node *const *in)
{
    (void)c;
    (void)in;
    return false;
}
