/* From gradients of every kind to runs of weights: the one place that knows both. A class's `update` sees runs and
 * nothing else, so that dense, sparse, masked and row-sparse variables are updated by the same function. */
#include "update.h"

#include <string.h>

enum { RUN = 256 }; /* weights a buffered run holds: with gradient and slots, well within L1 */

typedef struct step {
    const tl_optimizer *o;
    const tl_gradient *pair;
    const tl_slots *s;
    int64_t width; /* values in a row of a row-sparse gradient */
} step;

/* The update of n weights at w, whose slots lie at slot[0 .. n_slots-1]; g is left as it is. */
static void update_run(const step *c, int64_t n, tl_real *w, const tl_real *g, tl_real *const *slot)
{
    const tl_optimizer_options *o = &c->o->o;
    tl_real decayed[RUN];
    tl_update u = {
        .n = n, .w = w, .g = g, .learning_rate = o->learning_rate, .t = c->s->t, .options = c->o->options
    };
    for (int32_t k = 0; k < c->s->n; k++)
        u.slot[k] = slot[k];
    if (o->weight_decay > 0 && o->decoupled) {
        tl_real keep = (tl_real)(1 - o->learning_rate * o->weight_decay);
        for (int64_t k = 0; k < n; k++)
            w[k] *= keep;
    } else if (o->weight_decay > 0) {
        tl_real decay = (tl_real)o->weight_decay;
        for (int64_t k = 0; k < n; k++)
            decayed[k] = g[k] + decay * w[k];
        u.g = decayed;
    }
    c->o->class->update(&u);
}

/* Weights at .. at+n-1, which lie together; g = NULL: their gradient is 0. */
static void update_span(const step *c, int64_t at, int64_t n, const tl_real *g)
{
    static const tl_real zeros[RUN];
    for (int64_t k = 0; k < n; k += RUN) {
        int64_t run = n - k < RUN ? n - k : RUN;
        tl_real *slot[TL_MAX_SLOTS] = { 0 };
        for (int32_t i = 0; i < c->s->n; i++)
            slot[i] = c->s->slot[i] + at + k;
        update_run(c, run, c->pair->variable->data + at + k, g ? g + k : zeros, slot);
    }
}

static void update_values(void *context, int64_t begin, int64_t end)
{
    const step *c = context;
    update_span(c, begin, end - begin, c->pair->values + begin);
}

/* The first of the pair's rows that is not below row. */
static int64_t first_row(const tl_gradient *pair, int64_t row)
{
    int64_t low = 0, high = pair->n_rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (pair->rows[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Rows begin .. end-1 of a table; the untouched ones with a gradient of 0. */
static void update_table(void *context, int64_t begin, int64_t end)
{
    const step *c = context;
    int64_t k = first_row(c->pair, begin);
    for (int64_t row = begin; row < end; row++) {
        bool touched = k < c->pair->n_rows && c->pair->rows[k] == row;
        update_span(c, row * c->width, c->width, touched ? c->pair->values + k++ * c->width : NULL);
    }
}

/* Touched rows begin .. end-1 of a table. */
static void update_touched(void *context, int64_t begin, int64_t end)
{
    const step *c = context;
    for (int64_t k = begin; k < end; k++)
        update_span(c, c->pair->rows[k] * c->width, c->width, c->pair->values + k * c->width);
}

/* A run of weights that lie apart. */
typedef struct gathered {
    int64_t n, at[RUN];
    tl_real g[RUN];
} gathered;

/* Brings the gathered weights together, updates them, puts them back. */
static void flush(const step *c, gathered *run)
{
    tl_real w[RUN], slots[TL_MAX_SLOTS][RUN], *slot[TL_MAX_SLOTS], *data = c->pair->variable->data;
    for (int64_t k = 0; k < run->n; k++)
        w[k] = data[run->at[k]];
    for (int32_t i = 0; i < c->s->n; i++) {
        slot[i] = slots[i];
        for (int64_t k = 0; k < run->n; k++)
            slot[i][k] = c->s->slot[i][run->at[k]];
    }
    update_run(c, run->n, w, run->g, slot);
    for (int64_t k = 0; k < run->n; k++)
        data[run->at[k]] = w[k];
    for (int32_t i = 0; i < c->s->n; i++)
        for (int64_t k = 0; k < run->n; k++)
            c->s->slot[i][run->at[k]] = slot[i][k];
    run->n = 0;
}

/* Rows begin .. end-1 of the mask of a masked variable: no weight off the mask is read or written. */
static void update_masked(void *context, int64_t begin, int64_t end)
{
    const step *c = context;
    const tl_gradient *pair = c->pair;
    const int64_t *row_ptr = tl_pattern_row_ptr(pair->variable->pattern);
    const int32_t *col = tl_pattern_col(pair->variable->pattern);
    int64_t cols = tl_pattern_cols(pair->variable->pattern);
    gathered run = { 0 };
    int64_t k = pair->rows && c->width > 0 ? first_row(pair, begin * cols / c->width) : 0;
    for (int64_t i = begin; i < end; i++)
        for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++) {
            int64_t at = i * cols + col[e];
            tl_real g = 0;
            if (pair->rows) {
                while (k < pair->n_rows && pair->rows[k] < at / c->width)
                    k++;
                bool touched = k < pair->n_rows && pair->rows[k] == at / c->width;
                if (!touched && c->o->o.rows == TL_ROWS_LAZY)
                    continue;
                g = touched ? pair->values[k * c->width + at % c->width] : 0;
            } else {
                g = pair->values[at];
            }
            run.at[run.n] = at;
            run.g[run.n++] = g;
            if (run.n == RUN)
                flush(c, &run);
        }
    flush(c, &run);
}

void tl_update_variable(tl_optimizer *o, const tl_gradient *pair)
{
    tl_variable *v = pair->variable;
    tl_slots *s = tl_slots_find(o, v);
    int64_t table_rows = pair->rows ? v->shape.dim[0] : 0;
    step c = { .o = o, .pair = pair, .s = s, .width = table_rows > 0 ? v->size / table_rows : 0 };
    int64_t rows_a_piece = 1 + 16384 / (c.width + 1);
    s->t++;
    if (v->pattern && !v->sparse) {
        int64_t rows = tl_pattern_rows(v->pattern), nnz = tl_pattern_nnz(v->pattern);
        tl_parallel_for(rows, 1 + 16384 * rows / (nnz + rows + 1), update_masked, &c);
    } else if (!pair->rows) {
        tl_parallel_for(v->size, 16384, update_values, &c);
    } else if (o->o.rows == TL_ROWS_EXACT) {
        tl_parallel_for(table_rows, rows_a_piece, update_table, &c);
    } else {
        tl_parallel_for(pair->n_rows, rows_a_piece, update_touched, &c);
    }
}
