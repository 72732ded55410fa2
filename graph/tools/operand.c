/* How an operand is broadcast, and the elements of it that a strip of Y meets. */
#include "graph/tools/operand.h"

#include <string.h>

/* A run of elements that is at least this long ends a strip; shorter ones are put together. */
enum { LONG = TL_STRIP_MAX / 2 };

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns the size of the dimension that is `from_last` places before the last one; 1 if there is none. */
static int64_t size_from_last(tl_shape s, int32_t from_last)
{
    return from_last < s.rank ? s.dim[s.rank - 1 - from_last] : 1;
}

static tl_fold fold_of(tl_shape y, tl_shape in)
{
    int64_t size[5] = { 1, 1, 1, 1, 1 }; /* s2, k1, s1, k0, s0 */
    int at = 0;
    for (int32_t k = 0; k < y.rank; k++) {
        const int64_t n = size_from_last(y, k);
        if (n == 1)
            continue;
        const int kept = size_from_last(in, k) == n;
        if (at % 2 != kept)
            at++;
        size[at] *= n;
    }
    return (tl_fold){ size[4], size[3], size[2], size[1], size[0] };
}

/* Returns whether the operand, but for leading dimensions of 1, is what Y's shape ends in. */
static bool is_end_of(tl_shape y, tl_shape in)
{
    int32_t k = 0;
    while (k < in.rank && in.dim[k] == 1)
        k++;
    for (; k < in.rank; k++)
        if (in.dim[k] != y.dim[y.rank - in.rank + k])
            return false;
    return true;
}

/* Repeats a short operand, so that strips are long. */
static void repeat(tl_operand *o, int64_t size_of_y)
{
    const int64_t size = o->period;
    const int64_t n = size_of_y <= TL_STRIP_MAX ? size_of_y : TL_STRIP_MAX - TL_STRIP_MAX % (int32_t)size;
    memcpy(o->copies, o->val, (size_t)size * sizeof *o->val);
    for (int64_t k = size; k < n; k *= 2)
        memcpy(o->copies + k, o->copies, (size_t)min(k, n - k) * sizeof *o->val);
    o->val = o->copies;
    o->period = n;
}

void tl_operand_init(tl_operand *o, const tl_node *in, const tl_node *y, bool strips)
{
    o->node = in;
    o->val = in->val;
    o->period = 0;
    o->mode = TL_WHOLE;
    if (in->size == y->size && in->kind == y->kind)
        return;
    if (y->kind == TL_SPARSE && in->size != 1) {
        tl_cells_init(o, y);
    } else if (in->size == 1 || is_end_of(y->shape, in->shape)) {
        o->mode = TL_PERIODIC;
        o->period = in->size;
        if (strips && in->size <= LONG)
            repeat(o, y->size);
    } else {
        o->mode = TL_SPREAD;
        o->fold = fold_of(y->shape, in->shape);
        const int64_t run = o->fold.s2 > 1 ? o->fold.s2 : o->fold.k1;
        o->period = run >= LONG ? run : 0;
    }
}

void tl_operands_init(tl_operands *o, const tl_node *y, bool strips)
{
    o->y = y;
    o->op = (const tl_binary *)y->op;
    o->again = false;
    tl_operand_init(&o->in[0], y->in[0], y, strips);
    tl_operand_init(&o->in[1], y->in[1], y, strips);
}

/* Where an element of Y is in a fold. */
typedef struct place {
    int64_t k0, s1, k1, s2;
} place;

static place place_of(const tl_fold *f, int64_t at)
{
    place p;
    p.s2 = at % f->s2;
    at /= f->s2;
    p.k1 = at % f->k1;
    at /= f->k1;
    p.s1 = at % f->s1;
    p.k0 = at / f->s1 % f->k0;
    return p;
}

/* Goes to the next row of k1 elements. */
static void next_row(place *p, const tl_fold *f)
{
    p->k1 = 0;
    if (++p->s1 < f->s1)
        return;
    p->s1 = 0;
    if (++p->k0 == f->k0)
        p->k0 = 0;
}

/* Expands rows of elements each of which is repeated s2 times. */
static void expand_runs(const tl_operand *o, place p, int64_t n, tl_real *value)
{
    const tl_fold *f = &o->fold;
    for (int64_t k = 0; k < n;) {
        const tl_real x = o->val[p.k0 * f->k1 + p.k1];
        const int64_t end = min(n, k + f->s2 - p.s2);
        while (k < end)
            value[k++] = x;
        p.s2 = 0;
        if (++p.k1 == f->k1)
            next_row(&p, f);
    }
}

/* Expands rows of elements that follow one another. */
static void expand_rows(const tl_operand *o, place p, int64_t n, tl_real *value)
{
    const tl_fold *f = &o->fold;
    for (int64_t k = 0; k < n;) {
        const tl_real *x = o->val + p.k0 * f->k1;
        const int64_t end = min(n, k + f->k1 - p.k1);
        while (k < end)
            value[k++] = x[p.k1++];
        next_row(&p, f);
    }
}

/* Returns the elements that n elements of Y meet, for TL_SPREAD. */
static const tl_real *spread(const tl_operand *o, int64_t at, int64_t n, struct tl_walk_operand *w)
{
    const tl_fold *f = &o->fold;
    const place p = place_of(f, at);
    const int64_t first = p.k0 * f->k1 + p.k1;
    if (o->period > 0 && f->s2 == 1)
        return o->val + first;
    if (o->period == 0 && f->s2 == 1) {
        expand_rows(o, p, n, w->value);
    } else if (o->period == 0) {
        expand_runs(o, p, n, w->value);
    } else if (w->n < n || w->constant != first) {
        expand_runs(o, p, n, w->value);
        w->n = n;
        w->constant = first;
    }
    return w->value;
}

const tl_real *tl_walk_elements(tl_walk *w, int i, int64_t n)
{
    const tl_operand *o = &w->o->in[i];
    if (o->mode == TL_PERIODIC)
        return o->val + w->in[i].from;
    if (o->mode == TL_SPREAD)
        return spread(o, w->at, n, &w->in[i]);
    if (o->mode == TL_WHOLE)
        return o->val + w->at;
    tl_cells_expand(o, w->at, n, w->in[i].value);
    return w->in[i].value;
}

void tl_walk_to(tl_walk *w, const tl_operands *o, int64_t at)
{
    w->o = o;
    w->at = at;
    w->strip.attr = o->y->attr;
    for (int i = 0; i < 2; i++) {
        const int64_t period = o->in[i].period;
        w->in[i].from = period == 0 || at < period ? at : at % period;
        w->in[i].n = 0;
    }
}
