/* Unary cases as cases of any op: the case itself is the attribute. */
#include "graph/check/op_check_private.h"

#include <string.h>

static tl_node *call(tl_node *const *in, const void *attr)
{
    return ((const tl_unary_case *)attr)->op(in[0]);
}

static tl_shape reference(tl_reference *r)
{
    const tl_unary_case *c = r->attr;
    const int64_t size = tl_shape_size(r->shape[0]);
    r->sparse = r->keep[0] != NULL;
    for (int64_t k = 0; k < size; k++) {
        r->y[k] = !r->keep[0] || r->keep[0][k] ? c->value(r->in[0][k]) : 0;
        r->y_keep[k] = !r->keep[0] || r->keep[0][k];
    }
    return r->shape[0];
}

/* Around the width of a vector, of every rank, without elements, and larger than a task. */
static const tl_operand dense[] = {
    TL_SCALAR_OPERAND,
    TL_DENSE_OPERAND(1),
    TL_DENSE_OPERAND(3),
    TL_DENSE_OPERAND(63),
    TL_DENSE_OPERAND(65),
    TL_DENSE_OPERAND(17, 3),
    TL_DENSE_OPERAND(2, 3, 4),
    TL_DENSE_OPERAND(2, 1, 3, 2),
    TL_DENSE_OPERAND(0),
    TL_DENSE_OPERAND(3, 0),
    TL_DENSE_OPERAND(1500),
    TL_DENSE_OPERAND(8193),
    TL_DENSE_OPERAND(3 * TL_GRAIN + 5),
};
static const tl_operand sparse[] = {
    TL_SPARSE_OPERAND(5, 7, 0.4),
    TL_SPARSE_OPERAND(3, 4, 1e-9),
    TL_SPARSE_OPERAND(400, 300, 0.5),
};

enum {
    DENSE = sizeof dense / sizeof *dense,
    SPARSE = sizeof sparse / sizeof *sparse,
    KINKS = sizeof((tl_unary_case *)NULL)->kink / sizeof *((tl_unary_case *)NULL)->kink,
    SPECIAL = sizeof((tl_unary_case *)NULL)->special / sizeof *((tl_unary_case *)NULL)->special,
    REPEATS = 5 /* of known points: in vectors and after them */
};

/* What a unary case becomes. */
typedef struct made {
    tl_op_case op;
    tl_sample sample[DENSE + SPARSE + 2];
    double at[REPEATS * KINKS], slope[REPEATS * KINKS], a[REPEATS * SPECIAL], y[REPEATS * SPECIAL];
} made;

/* Returns whether the op takes sparse nodes, which its declaration says. */
static bool takes_sparse(const tl_unary_case *c)
{
    const tl_real one = 1;
    tl_graph *g = tl_graph_new();
    const tl_node *y = c->op(tl_input(g, TL_SHAPE(), &one));
    const bool any = y && y->op && y->op->in_kind[0] == TL_ANY;
    tl_graph_free(g);
    return any;
}

static void add_sample(made *m, tl_operand in)
{
    m->sample[m->op.n_samples++] = (tl_sample){ .in = { in }, .attr = m->op.sample->attr };
}

/* Adds the points that the author knows as examples. */
static void add_examples(made *m, const tl_unary_case *c)
{
    for (int32_t k = 0; k < REPEATS * c->n_special; k++) {
        m->a[k] = c->special[k % c->n_special].a;
        m->y[k] = c->special[k % c->n_special].y;
    }
    for (int32_t k = 0; k < REPEATS * c->n_kinks; k++) {
        m->at[k] = c->kink[k % c->n_kinks].at;
        m->slope[k] = c->kink[k % c->n_kinks].slope;
    }
    tl_sample special = { .in = { { .shape = TL_STATIC_SHAPE(REPEATS * c->n_special), .values = m->a } } };
    special.y = m->y;
    special.attr = c;
    tl_sample kinks = { .in = { { .shape = TL_STATIC_SHAPE(REPEATS * c->n_kinks), .values = m->at } } };
    kinks.gradient[0] = m->slope;
    kinks.tolerance = sizeof(tl_real) == sizeof(double) ? 1e-12 : 1e-5;
    kinks.attr = c;
    if (c->n_special > 0)
        m->sample[m->op.n_samples++] = special;
    if (c->n_kinks > 0)
        m->sample[m->op.n_samples++] = kinks;
}

static void make(made *m, const tl_unary_case *c)
{
    memset(m, 0, sizeof *m);
    m->op = (tl_op_case){
        .name = c->name,
        .n_in = 1,
        .op = call,
        .reference = reference,
        .sample = m->sample,
        .ulps = c->ulps,
        .tolerance = c->tolerance,
        .no_tangent = c->no_tangent,
        .skip = c->skip | TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_ERRORS), /* one input of any shape */
    };
    m->sample[0].attr = c;
    for (int32_t k = 0; k < DENSE; k++)
        add_sample(m, dense[k]);
    const bool any = takes_sparse(c);
    for (int32_t k = 0; any && k < SPARSE; k++)
        add_sample(m, sparse[k]);
    add_examples(m, c);
}

tl_status tl_check_unary_stage(const tl_unary_case *c, int32_t stage)
{
    made m;
    if (!c || !c->name || !c->op || !c->value || c->n_kinks < 0 || c->n_kinks > KINKS || c->n_special < 0 ||
        c->n_special > SPECIAL)
        return tl_fail(TL_ERR_ARGUMENT,
                       "op_check: a unary case needs a name, an op and a reference, "
                       "and has at most %d kinks and %d special values",
                       KINKS, SPECIAL);
    if (tl_check_set_allocator() != TL_OK)
        return TL_ERR_ARGUMENT;
    make(&m, c);
    return tl_run_stage((tl_subject){ .op = &m.op, .unary = c }, stage);
}

tl_status tl_check_unary(const tl_unary_case *c)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < tl_stage_count(); k++)
        status = tl_check_unary_stage(c, k);
    return status;
}
