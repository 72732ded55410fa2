/* Binary cases as cases of any op, and broadcasting. */
#include "graph/check/op_check_private.h"

#include <string.h>

bool tl_broadcast_shape(tl_shape a, tl_shape b, tl_shape *y)
{
    y->rank = a.rank > b.rank ? a.rank : b.rank;
    memset(y->dim, 0, sizeof y->dim);
    for (int32_t d = 1; d <= y->rank; d++) { /* from the last */
        const int64_t m = d <= a.rank ? a.dim[a.rank - d] : 1, n = d <= b.rank ? b.dim[b.rank - d] : 1;
        if (m != n && m != 1 && n != 1)
            return false;
        y->dim[y->rank - d] = m == 1 ? n : m;
    }
    return true;
}

int64_t tl_broadcast_index(tl_shape a, tl_shape y, int64_t k)
{
    int64_t index = 0, stride = 1;
    for (int32_t d = 1; d <= y.rank; d++) {
        const int64_t at = k % y.dim[y.rank - d];
        k /= y.dim[y.rank - d];
        if (d > a.rank)
            continue;
        const int64_t size = a.dim[a.rank - d];
        index += size == 1 ? 0 : at * stride;
        stride *= size;
    }
    return index;
}

static const tl_binary_case *case_of(const void *attr)
{
    return attr;
}

static tl_node *call(tl_node *const *in, const void *attr)
{
    return case_of(attr)->op(in[0], in[1]);
}

static tl_shape reference(tl_reference *r)
{
    tl_shape y;
    r->sparse = r->keep[0] || r->keep[1];
    if (!tl_broadcast_shape(r->shape[0], r->shape[1], &y))
        return TL_SHAPE(-1); /* no result has it */
    for (int64_t k = 0; k < tl_shape_size(y); k++) {
        const int64_t i = tl_broadcast_index(r->shape[0], y, k), j = tl_broadcast_index(r->shape[1], y, k);
        r->y_keep[k] = (!r->keep[0] || r->keep[0][i]) && (!r->keep[1] || r->keep[1][j]);
        if (r->y_keep[k])
            r->y[k] = case_of(r->attr)->value(r->in[0][i], r->in[1][j]);
    }
    return y;
}

/* Every way to broadcast: equal shapes, scalars, rows, columns, both sides at once, sizes of 1 at either end
 * and inside, other ranks, no elements; and shapes larger than a task. */
static const tl_operand pairs[][2] = {
    { TL_SCALAR_OPERAND, TL_SCALAR_OPERAND },
    { TL_DENSE_OPERAND(17), TL_DENSE_OPERAND(17) },
    { TL_DENSE_OPERAND(3, 5), TL_DENSE_OPERAND(3, 5) },
    { TL_DENSE_OPERAND(2, 1, 3, 2), TL_DENSE_OPERAND(2, 1, 3, 2) },
    { TL_DENSE_OPERAND(65), TL_SCALAR_OPERAND },
    { TL_SCALAR_OPERAND, TL_DENSE_OPERAND(65) },
    { TL_DENSE_OPERAND(2, 3), TL_DENSE_OPERAND(1) },
    { TL_DENSE_OPERAND(3, 5), TL_DENSE_OPERAND(5) },
    { TL_DENSE_OPERAND(5), TL_DENSE_OPERAND(3, 5) },
    { TL_DENSE_OPERAND(3, 5), TL_DENSE_OPERAND(3, 1) },
    { TL_DENSE_OPERAND(3, 1), TL_DENSE_OPERAND(3, 5) },
    { TL_DENSE_OPERAND(3, 1), TL_DENSE_OPERAND(1, 5) },
    { TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(3, 4) },
    { TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 1, 4) },
    { TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(3, 1) },
    { TL_DENSE_OPERAND(3, 1, 4), TL_DENSE_OPERAND(2, 1, 5, 1) },
    { TL_DENSE_OPERAND(2, 1, 3, 1), TL_DENSE_OPERAND(1, 2, 1, 3) },
    { TL_DENSE_OPERAND(0), TL_DENSE_OPERAND(0) },
    { TL_DENSE_OPERAND(3, 0), TL_DENSE_OPERAND(3, 1) },
    { TL_DENSE_OPERAND(0, 3), TL_DENSE_OPERAND(3) },
    { TL_DENSE_OPERAND(1), TL_DENSE_OPERAND(2, 0) },
    { TL_DENSE_OPERAND(1500), TL_DENSE_OPERAND(1500) },
    { TL_DENSE_OPERAND(40, 33), TL_DENSE_OPERAND(33) },
    { TL_DENSE_OPERAND(300, 130), TL_DENSE_OPERAND(300, 130) },
    { TL_DENSE_OPERAND(300, 130), TL_DENSE_OPERAND(130) },
    { TL_SCALAR_OPERAND, TL_DENSE_OPERAND(3 * TL_GRAIN + 5) },
    { TL_DENSE_OPERAND(300, 1), TL_DENSE_OPERAND(130) },
};
static const tl_operand refused[][2] = {
    { TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 3) },
    { TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3) },
    { TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 4) },
    { TL_DENSE_OPERAND(3), TL_DENSE_OPERAND(0) },
};

#define SAME_PATTERN(rows, cols)                                                                             \
    {                                                                                                        \
        .shape = TL_STATIC_SHAPE(rows, cols), .same_pattern = true                                           \
    }
/* With a sparse A, where the case says so. */
static const tl_operand sparse_pairs[][2] = {
    { TL_SPARSE_OPERAND(5, 7, 0.5), TL_DENSE_OPERAND(5, 7) },
    { TL_SPARSE_OPERAND(5, 7, 0.5), TL_DENSE_OPERAND(7) },
    { TL_SPARSE_OPERAND(5, 7, 0.5), TL_DENSE_OPERAND(1, 7) },
    { TL_SPARSE_OPERAND(5, 7, 0.5), TL_DENSE_OPERAND(5, 1) },
    { TL_SPARSE_OPERAND(5, 7, 0.5), TL_SCALAR_OPERAND },
    { TL_SPARSE_OPERAND(5, 7, 0.5), SAME_PATTERN(5, 7) },
    { TL_SPARSE_OPERAND(3, 4, 1e-9), TL_DENSE_OPERAND(4) },
    { TL_SPARSE_OPERAND(0, 4, 0.5), TL_DENSE_OPERAND(4) },
    { TL_SPARSE_OPERAND(4, 0, 0.5), TL_DENSE_OPERAND(4, 1) },
    { TL_SPARSE_OPERAND(300, 200, 0.5), TL_DENSE_OPERAND(200) },
    { TL_SPARSE_OPERAND(300, 200, 0.5), TL_DENSE_OPERAND(300, 1) },
    { TL_SPARSE_OPERAND(300, 200, 0.5), SAME_PATTERN(300, 200) },
};
static const struct {
    tl_operand in[2];
    tl_status status;
} sparse_refused[] = {
    { { TL_DENSE_OPERAND(3, 4), TL_SPARSE_OPERAND(3, 4, 0.5) }, TL_ERR_KIND },
    { { TL_SPARSE_OPERAND(3, 4, 0.5), TL_SPARSE_OPERAND(3, 4, 0.5) }, TL_ERR_ARGUMENT },
    { { TL_SPARSE_OPERAND(1, 4, 0.5), TL_DENSE_OPERAND(3, 4) }, TL_ERR_SHAPE },
};

enum {
    PAIRS = sizeof pairs / sizeof *pairs,
    REFUSED = sizeof refused / sizeof *refused,
    SPARSE_PAIRS = sizeof sparse_pairs / sizeof *sparse_pairs,
    SPARSE_REFUSED = sizeof sparse_refused / sizeof *sparse_refused,
    OWN = 48, /* the most samples of the author's */
    KINKS = sizeof((tl_binary_case *)NULL)->kink / sizeof *((tl_binary_case *)NULL)->kink,
    SPECIAL = sizeof((tl_binary_case *)NULL)->special / sizeof *((tl_binary_case *)NULL)->special,
    REPEATS = 5 /* of known points: in vectors and after them */
};

/* What a binary case becomes. */
typedef struct made {
    tl_op_case op;
    tl_sample sample[PAIRS + REFUSED + SPARSE_PAIRS + SPARSE_REFUSED + OWN + 2];
    double at[2][REPEATS * KINKS], slope[2][REPEATS * KINKS], in[2][REPEATS * SPECIAL], y[REPEATS * SPECIAL];
} made;

static tl_sample *add_sample(made *m, const tl_binary_case *c, tl_operand a, tl_operand b)
{
    tl_sample *sample = &m->sample[m->op.n_samples++];
    *sample = (tl_sample){ .in = { a, b }, .attr = c };
    tl_shape y;
    sample->large = tl_broadcast_shape(a.shape, b.shape, &y) && tl_shape_size(y) > TL_SAMPLE_SMALL;
    return sample;
}

/* Adds the points that the author knows as examples. */
static void add_examples(made *m, const tl_binary_case *c)
{
    for (int32_t k = 0; k < REPEATS * c->n_special; k++) {
        m->in[0][k] = c->special[k % c->n_special].a;
        m->in[1][k] = c->special[k % c->n_special].b;
        m->y[k] = c->special[k % c->n_special].y;
    }
    for (int32_t k = 0; k < REPEATS * c->n_kinks; k++) {
        m->at[0][k] = c->kink[k % c->n_kinks].a;
        m->at[1][k] = c->kink[k % c->n_kinks].b;
        m->slope[0][k] = c->kink[k % c->n_kinks].da;
        m->slope[1][k] = c->kink[k % c->n_kinks].db;
    }
    const tl_shape specials = TL_SHAPE(REPEATS * c->n_special), kinks = TL_SHAPE(REPEATS * c->n_kinks);
    if (c->n_special > 0)
        add_sample(m, c, (tl_operand){ .shape = specials, .values = m->in[0] },
                   (tl_operand){ .shape = specials, .values = m->in[1] })
            ->y = m->y;
    if (c->n_kinks == 0)
        return;
    tl_sample *sample = add_sample(m, c, (tl_operand){ .shape = kinks, .values = m->at[0] },
                                   (tl_operand){ .shape = kinks, .values = m->at[1] });
    sample->gradient[0] = m->slope[0];
    sample->gradient[1] = m->slope[1];
    sample->tolerance = sizeof(tl_real) == sizeof(double) ? 1e-12 : 1e-5;
}

static void make(made *m, const tl_binary_case *c)
{
    memset(m, 0, sizeof *m);
    m->op = (tl_op_case){
        .name = c->name,
        .n_in = 2,
        .op = call,
        .reference = reference,
        .sample = m->sample,
        .ulps = c->ulps,
        .tolerance = c->tolerance,
        .no_tangent = c->no_tangent,
        .skip = c->skip,
    };
    bool own = false;
    for (int32_t k = 0; k < c->n_samples; k++) {
        m->sample[m->op.n_samples] = c->sample[k];
        m->sample[m->op.n_samples++].attr = c;
        own = own || tl_sample_works(&c->sample[k]);
    }
    for (int32_t k = 0; !own && k < PAIRS - (c->kink_distance ? 1 : 0);
         k++) /* all meet all, also at a kink */
        add_sample(m, c, pairs[k][0], pairs[k][1]);
    for (int32_t k = 0; !own && k < REFUSED; k++)
        add_sample(m, c, refused[k][0], refused[k][1])->status = TL_ERR_SHAPE;
    for (int32_t k = 0; !own && c->sparse && k < SPARSE_PAIRS; k++)
        add_sample(m, c, sparse_pairs[k][0], sparse_pairs[k][1]);
    for (int32_t k = 0; !own && c->sparse && k < SPARSE_REFUSED; k++)
        add_sample(m, c, sparse_refused[k].in[0], sparse_refused[k].in[1])->status = sparse_refused[k].status;
    add_examples(m, c);
}

tl_status tl_check_binary_stage(const tl_binary_case *c, int32_t stage)
{
    made m;
    if (!c || !c->name || !c->op || !c->value || c->n_kinks < 0 || c->n_kinks > KINKS || c->n_special < 0 ||
        c->n_special > SPECIAL || c->n_samples < 0 || c->n_samples > OWN)
        return tl_fail(TL_ERR_ARGUMENT,
                       "op_check: a binary case needs a name, an op and a reference, "
                       "and has at most %d kinks, %d special values and %d samples",
                       KINKS, SPECIAL, OWN);
    make(&m, c);
    return tl_run_stage((tl_subject){ .op = &m.op, .binary = c }, stage);
}

tl_status tl_check_binary(const tl_binary_case *c)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < tl_stage_count(); k++)
        status = tl_check_binary_stage(c, k);
    return status;
}
