/* A program is drawn while its first step is recorded: shapes and patterns of results are then known. */
#include "tests/fuzz/ops/program.h"

const fuzz_op *tl_fuzz_planted;

/* ---- The table ---- */

static const fuzz_op *const tables[] = { tl_fuzz_elementwise,  tl_fuzz_rowwise, tl_fuzz_moves,
                                         tl_fuzz_products,     tl_fuzz_windows, tl_fuzz_losses,
                                         tl_fuzz_compositions, tl_fuzz_sparse,  tl_fuzz_lookups };
enum { TABLES = sizeof tables / sizeof *tables };

const fuzz_op *tl_fuzz_op(int32_t k)
{
    for (int32_t t = 0; t < TABLES; t++)
        for (const fuzz_op *op = tables[t]; op->name; op++)
            if (k-- == 0)
                return op;
    return NULL;
}

static const fuzz_op *named(const char *name)
{
    int32_t k = 0;
    while (strcmp(tl_fuzz_op(k)->name, name) != 0)
        k++;
    return tl_fuzz_op(k);
}

/* Draws an op: those of sparse nodes and lookups, the last in the table, more often than others. */
static const fuzz_op *any_op(void)
{
    int32_t n = 0, first = 0;
    while (tl_fuzz_op(n) != tl_fuzz_sparse)
        n++;
    first = n;
    while (tl_fuzz_op(n))
        n++;
    if (tl_fuzz_planted && tl_fuzz_rarely(2))
        return tl_fuzz_planted;
    return tl_fuzz_op((int32_t)(tl_fuzz_rarely(3) ? first + tl_fuzz_draw(n - first) : tl_fuzz_draw(n)));
}

/* ---- Items ---- */

/* Keeps what the first run tells of a result. */
static void keep_result(fuzz_program *p, fuzz_item *c, const tl_node *y)
{
    c->shape = tl_shape_of(y);
    c->on = tl_pattern_of(y);
    if (c->on)
        tl_fuzz_own(p, tl_pattern_retain(c->on), true);
    c->size = c->on ? tl_pattern_nnz(c->on) : tl_shape_size(c->shape);
    c->value = tl_fuzz_block(p, c->size, sizeof *c->value);
    if (c->size > 0)
        memcpy(c->value, tl_value(y), (size_t)c->size * sizeof *c->value);
    c->finite = c->excluding = true;
    for (int64_t k = 0; k < c->size; k++) {
        c->finite = c->finite && isfinite(c->value[k]);
        c->excluding = c->excluding && (isfinite(c->value[k]) || c->value[k] == -(tl_real)INFINITY);
    }
    c->excluding = c->excluding && !c->finite;
    c->closed = c->closed || c->size > p->limit || tl_shape_size(c->shape) > 2 * p->limit;
}

int32_t tl_fuzz_add(fuzz_program *p, const fuzz_item *c)
{
    if (p->n == FUZZ_ITEMS || p->status != TL_OK)
        return -1;
    const int32_t i = p->n;
    p->item[i] = *c;
    const tl_node *y = tl_fuzz_record(p->first, i);
    if (tl_graph_status(p->first->g) == TL_ERR_MEMORY) {
        p->status = TL_ERR_MEMORY;
        return -1;
    }
    if (!y)
        tl_fuzz_found(p->first, "a call of %s is refused: %s", c->op ? c->op->name : "a leaf",
                      tl_graph_error(p->first->g));
    p->n++;
    keep_result(p, &p->item[i], y);
    for (int32_t k = 0; k < c->n_in; k++)
        if (c->in[k] >= 0)
            p->item[c->in[k]].used = true;
    if (c->op) {
        tl_node *in[FUZZ_IN] = { 0 };
        for (int32_t k = 0; k < c->n_in; k++)
            in[k] = c->in[k] < 0 ? NULL : p->first->node[c->in[k]];
        p->smooth = p->smooth && (!c->op->smooth || c->op->smooth(c, in));
        p->opaque = p->opaque || c->op->opaque;
    }
    return i;
}

int32_t tl_fuzz_add_call(fuzz_program *p, const char *name, int32_t a, double c)
{
    const fuzz_item call = { .op = named(name), .variable = -1, .n_in = 1, .in = { a }, .c = c };
    return a < 0 ? -1 : tl_fuzz_add(p, &call);
}

int32_t tl_fuzz_positive(fuzz_program *p, int32_t a)
{
    return tl_fuzz_add_call(p, "add_constant", tl_fuzz_add_call(p, "square", a, 0), 0.5);
}

/* Keeps values moderate: larger ones are scaled, and only the result is used. */
static void tame(fuzz_program *p, int32_t i)
{
    double largest = 0;
    fuzz_item *c = &p->item[i];
    for (int64_t k = 0; k < c->size; k++)
        largest = fmax(largest, fabs((double)c->value[k]));
    if (largest <= 4 || !c->finite || c->closed)
        return;
    c->closed = true;
    tl_fuzz_add_call(p, "scale", i, exp2(-ceil(log2(largest))));
}

/* Adds a call of some op. */
static void add_some(fuzz_program *p)
{
    fuzz_item c = { .op = any_op(), .variable = -1 };
    bool complete = c.op->draw(p, &c);
    for (int32_t k = 0; k < c.n_in - c.op->optional; k++)
        complete = complete && c.in[k] >= 0;
    const int32_t i = complete ? tl_fuzz_add(p, &c) : -1;
    if (i >= 0)
        tame(p, i);
}

/* ---- The loss ---- */

/* Returns the scalar sum of an item's elements, each times a constant. */
static int32_t weighted_sum(fuzz_program *p, int32_t i)
{
    const tl_shape s = p->item[i].shape;
    fuzz_item factor = { .variable = -1, .shape = s, .data = tl_fuzz_values(p, tl_shape_size(s)) };
    fuzz_item product = { .op = named("mul"), .variable = -1, .n_in = 2, .in = { i } };
    fuzz_item sum = { .op = named("reduce_sum"), .variable = -1, .n_in = 1, .axis = TL_ALL_AXES };
    factor.borrowed = true;
    product.in[1] = tl_fuzz_add(p, &factor);
    sum.in[0] = product.in[1] < 0 ? -1 : tl_fuzz_add(p, &product);
    return sum.in[0] < 0 ? -1 : tl_fuzz_add(p, &sum);
}

/* Adds the loss: the sum of what is not used. */
static void add_loss(fuzz_program *p)
{
    enum { MOST = 10 };
    fuzz_item total = { .op = named("add"), .variable = -1, .n_in = 2, .in = { -1, -1 } };
    int32_t n = 0;
    for (int32_t i = p->n - 1; i >= 0 && n < MOST; i--) {
        if (p->item[i].used || p->item[i].closed)
            continue;
        n++;
        total.in[1] = weighted_sum(p, i);
        if (total.in[1] < 0)
            break;
        total.in[0] = total.in[0] < 0 ? total.in[1] : tl_fuzz_add(p, &total);
    }
    p->loss = total.in[0];
    for (int32_t i = 0; i < p->n; i++)
        p->item[i].closed = true;
}

/* ---- The rest ---- */

static void draw_header(fuzz_program *p)
{
    static const int64_t some[] = { 3, 2, 5, 4, 1, 7, 0, 8, 9, 16, 17, 6, 33, 10, 2, 3 };
    const bool large = tl_fuzz_rarely(16);
    for (int32_t k = 0; k < 4; k++)
        p->size[k] = large ? 100 + tl_fuzz_draw(300) : some[tl_fuzz_draw(16)];
    p->limit = large ? 1 << 17 : 1 << 11;
    p->wild = tl_fuzz_rarely(6);
    p->looked_at = tl_fuzz_rarely(3);
    p->averaged = tl_fuzz_rarely(3);
    p->optimizer = (int32_t)tl_fuzz_draw(256);
    p->schedule = (int32_t)tl_fuzz_draw(8);
    p->rows = tl_fuzz_rarely(4) ? TL_ROWS_LAZY : TL_ROWS_EXACT;
    p->non_finite = (tl_non_finite)tl_fuzz_draw(3);
    p->aged = tl_fuzz_rarely(4);
    for (int32_t k = 0; k < FUZZ_TRANSFORMS; k++)
        p->transform[k] = tl_fuzz_rarely(2) ? (fuzz_transform)tl_fuzz_draw(FUZZ_TRANSFORM_KINDS) : 0;
    p->steps = 1 + (int32_t)tl_fuzz_draw(FUZZ_STEPS);
    p->asked = tl_fuzz_rarely(3) ? tl_fuzz_seed_of_values() : 0;
    p->checked = tl_fuzz_rarely(2);
}

static void draw_edits(fuzz_program *p)
{
    for (int32_t s = 0; s < p->steps; s++)
        for (int32_t k = 0; k < FUZZ_EDITS; k++)
            p->edit[s][k] = (fuzz_edit){ .kind = (fuzz_edit_kind)tl_fuzz_draw(FUZZ_EDIT_KINDS),
                                         .variable = (int32_t)tl_fuzz_draw(2 * FUZZ_VARIABLES),
                                         .seed = tl_fuzz_seed_of_values() };
}

void tl_fuzz_draw_program(fuzz_program *p, fuzz_world *w)
{
    p->first = w;
    p->loss = -1;
    p->smooth = true;
    draw_header(p);
    for (int32_t n = 1 + (int32_t)tl_fuzz_draw(12); n > 0 && p->n < FUZZ_ITEMS / 2; n--)
        add_some(p);
    add_loss(p);
    draw_edits(p);
    if (p->n_variables > 0 && (p->transform[0] == FUZZ_MASK || p->transform[1] == FUZZ_MASK))
        p->keep = tl_fuzz_pattern(p, tl_shape_rows(p->variable[0].shape),
                                  tl_shape_cols(p->variable[0].shape));
    if (p->status == TL_OK)
        p->status = tl_fuzz_world_optimizer(w);
}

void tl_fuzz_program_free(fuzz_program *p)
{
    while (p->n_patterns > 0)
        tl_pattern_release(p->pattern[--p->n_patterns]);
    while (p->blocks) {
        void *before = *(void **)p->blocks;
        free(p->blocks);
        p->blocks = before;
    }
}
