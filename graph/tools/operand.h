/* The operands of a binary op, as strips of Y meet them. */
#ifndef TL_OPERAND_H
#define TL_OPERAND_H

#include "elementwise.h"

/* How an operand is broadcast. Y is seen as s0 x k0 x s1 x k1 x s2, of which the operand has k0 x k1: it is
 * repeated along the s, and its gradient is summed over them. Dimensions that are alike are merged, so four
 * are enough for any broadcast of rank 4; the fifth lets all have one form. They are filled from the inside:
 * if s1 is 1, so are k0 and s0. */
typedef struct tl_fold {
    int64_t s0, k0, s1, k1, s2;
} tl_fold;

typedef enum tl_operand_mode {
    TL_WHOLE,    /* as Y is: element k of Y meets element k */
    TL_PERIODIC, /* a row or a scalar: element k meets element k mod `period` */
    TL_SPREAD,   /* anything else that is dense */
    TL_CELLS     /* dense, met by the entries of a sparse Y */
} tl_operand_mode;

typedef struct tl_operand {
    tl_operand_mode mode;
    const tl_node *node;
    const tl_real *val;
    int64_t period; /* a strip ends where `at` mod period is 0; 0: it may end anywhere */
    tl_fold fold;   /* TL_SPREAD */
    tl_csr csr;     /* TL_CELLS: the pattern of Y; the entry at (i, j) meets element i row + j col */
    int64_t row, col;
    _Alignas(64) tl_real copies[TL_STRIP_MAX]; /* of a short TL_PERIODIC operand, whose val points here */
} tl_operand;

/* A binary op's Y with its operands. */
typedef struct tl_operands {
    const tl_node *y;
    const tl_binary *op;
    tl_operand in[2];
    bool again; /* strips of Y are computed again: it may be of values that an operand no longer has */
} tl_operands;

/* A walk along Y, strip by strip. */
typedef struct tl_walk {
    const tl_operands *o;
    int64_t at; /* the element of Y where the next strip begins */
    tl_strip strip;
    struct tl_walk_operand {
        int64_t from;        /* `at` mod period */
        int64_t constant, n; /* if n > 0, value[0] .. value[n-1] are that element of the operand */
        _Alignas(64) tl_real value[TL_STRIP_MAX]; /* what the strip meets, where it is not contiguous */
    } in[2];
    _Alignas(64) tl_real y[TL_STRIP_MAX]; /* with o->again */
} tl_walk;

/* Y is not empty. With `strips`, values of the operands are read. */
void tl_operand_init(tl_operand *o, const tl_node *in, const tl_node *y, bool strips);
void tl_operands_init(tl_operands *o, const tl_node *y, bool strips);

/* Moves the walk to an element of Y. *w need not be initialised before. */
void tl_walk_to(tl_walk *w, const tl_operands *o, int64_t at);

/* Returns the elements that n elements of Y meet, from w->at; for any mode. */
const tl_real *tl_walk_elements(tl_walk *w, int i, int64_t n);

/* Makes w->strip the next strip, of at most n elements, at least 1, and walks past it. */
static inline void tl_walk_strip(tl_walk *w, int64_t n)
{
    const tl_operand *a = &w->o->in[0], *b = &w->o->in[1];
    n = n < TL_STRIP_MAX ? n : TL_STRIP_MAX;
    if (a->period > 0 && a->period - w->in[0].from < n)
        n = a->period - w->in[0].from;
    if (b->period > 0 && b->period - w->in[1].from < n)
        n = b->period - w->in[1].from;
    w->strip.n = n;
    w->strip.a = a->mode == TL_WHOLE ? a->val + w->at : tl_walk_elements(w, 0, n);
    w->strip.b = b->mode == TL_WHOLE ? b->val + w->at : tl_walk_elements(w, 1, n);
    w->strip.y = w->o->y->val + w->at;
    w->strip.dy = w->o->y->grad ? w->o->y->grad + w->at : NULL;
    if (w->o->again) {
        w->o->op->value(&w->strip, w->y);
        w->strip.y = w->y;
    }
    w->at += n;
    for (int i = 0; i < 2; i++) {
        w->in[i].from += n;
        if (w->in[i].from == w->o->in[i].period)
            w->in[i].from = 0;
    }
}

/* Adds the gradients of operand i, which is not TL_WHOLE, summed over what each of its elements met; assigns
 * them where they are to be overwritten. */
void tl_sum_gradient(const tl_operands *o, int i);

/* The same for TL_CELLS; with the workspace that tl_reserve_cells, for `shape`, reserves. */
void tl_sum_cells(const tl_operands *o, int i);
tl_status tl_reserve_cells(tl_node *y, const tl_node *b);

/* Initialises a TL_CELLS operand. */
void tl_cells_init(tl_operand *o, const tl_node *y);

/* Fills value[0] .. value[n-1] with the elements that entries at .. at+n-1 meet. */
void tl_cells_expand(const tl_operand *o, int64_t at, int64_t n, tl_real *value);

/* Returns whether the gradient of operand i is dY or -dY, which needs no strips. */
static inline bool tl_is_pass(const tl_binary *op, int i)
{
    return op->gradient[i] == tl_strip_dy || op->gradient[i] == tl_strip_minus_dy;
}

/* Returns whether the gradient of operand i may read Y: those of the library (elementwise.h) do not. */
static inline bool tl_reads_result(const tl_binary *op, int i)
{
    return !tl_is_pass(op, i) && op->gradient[i] != tl_strip_dy_a && op->gradient[i] != tl_strip_dy_b;
}

#endif
