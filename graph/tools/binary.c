/* Elementwise ops of two operands. */
#include "graph/tools/driver.h"
#include "graph/tools/operand.h"

#include <string.h>

/* ---- Shapes ---- */

static tl_status refuse_sparse(const tl_node *y, int i)
{
    const char *instead = ((const tl_binary *)y->op)->instead;
    return tl_fail(TL_ERR_KIND, "input %d, %s, is sparse, and must be dense%s%s", i,
                   tl_node_text(y->in[i]).text, instead ? ": use " : "", instead ? instead : "");
}

/* Checks that the op takes operands of these kinds. */
static tl_status check_kinds(const tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    const bool sparse[2] = { a->kind == TL_SPARSE, b->kind == TL_SPARSE };
    if (!((const tl_binary *)y->op)->sparse && (sparse[0] || sparse[1]))
        return refuse_sparse(y, sparse[0] ? 0 : 1);
    if (!sparse[0] && sparse[1])
        return tl_fail(TL_ERR_KIND, "%s is dense and %s is sparse: the sparse one comes first",
                       tl_node_text(a).text, tl_node_text(b).text);
    if (sparse[1] && a->pattern != b->pattern)
        return tl_fail(TL_ERR_ARGUMENT, "%s and %s are sparse on different patterns", tl_node_text(a).text,
                       tl_node_text(b).text);
    return TL_OK;
}

tl_status tl_check_row(const tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    const tl_shape row = TL_SHAPE(tl_shape_cols(a->shape));
    if (a->shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "%s and %s: the first is a scalar", tl_node_text(a).text,
                       tl_node_text(b).text);
    if (!tl_shape_equal(b->shape, row))
        return tl_fail(TL_ERR_SHAPE, "%s and %s: the second must be %s", tl_node_text(a).text,
                       tl_node_text(b).text, tl_shape_text(row).text);
    return TL_OK;
}

/* Sets *y to the shape that both are broadcast to. TL_ERR_SHAPE. */
static tl_status broadcast_shape(const tl_node *a, const tl_node *b, tl_shape *y)
{
    const tl_node *more = a->shape.rank >= b->shape.rank ? a : b, *fewer = more == a ? b : a;
    const int32_t offset = more->shape.rank - fewer->shape.rank;
    *y = more->shape;
    for (int32_t k = 0; k < fewer->shape.rank; k++) {
        const int64_t m = more->shape.dim[offset + k], n = fewer->shape.dim[k];
        if (m == n || n == 1)
            continue;
        if (m != 1)
            return tl_fail(TL_ERR_SHAPE, "%s and %s do not broadcast: %lld and %lld differ, and neither is 1",
                           tl_node_text(a).text, tl_node_text(b).text, (long long)(more == a ? m : n),
                           (long long)(more == a ? n : m));
        y->dim[offset + k] = n;
    }
    return TL_OK;
}

tl_status tl_binary_shape(tl_node *y)
{
    const tl_binary *op = (const tl_binary *)y->op;
    const tl_node *a = y->in[0], *b = y->in[1];
    tl_shape shape;
    tl_status status = check_kinds(y);
    if (status == TL_OK && op->check)
        status = op->check(y);
    if (status == TL_OK)
        status = broadcast_shape(a, b, &shape);
    if (status != TL_OK)
        return status;
    if (a->kind == TL_DENSE)
        return tl_shape_dense(y, shape);
    if (!tl_shape_equal(shape, a->shape))
        return tl_fail(TL_ERR_SHAPE, "%s does not broadcast to the shape of %s", tl_node_text(b).text,
                       tl_node_text(a).text);
    status = b->kind == TL_DENSE ? tl_reserve_cells(y, b) : TL_OK;
    return status == TL_OK ? tl_shape_like(y, a) : status;
}

/* ---- Values ---- */

static int64_t grain_of(const tl_operands *o)
{
    return o->op->grain > 0 ? o->op->grain : TL_GRAIN;
}

static void forward(void *context, int64_t begin, int64_t end)
{
    const tl_operands *o = context;
    tl_walk w;
    tl_walk_to(&w, o, begin);
    while (w.at < end) {
        tl_real *out = o->y->out + w.at;
        tl_walk_strip(&w, end - w.at);
        o->op->value(&w.strip, out);
    }
}

void tl_binary_forward(tl_node *y)
{
    tl_operands o;
    if (y->size == 0)
        return;
    tl_operands_init(&o, y, true);
    tl_run_tasks(y->size, grain_of(&o), forward, &o);
}

/* ---- Gradients ---- */

/* Adds dY or -dY, or assigns it. */
static void pass(const tl_operands *o, int i, int64_t at, int64_t n)
{
    const tl_node *in = o->in[i].node;
    const tl_real *dy = o->y->grad + at;
    tl_real *grad = in->grad + at;
    const bool plus = o->op->gradient[i] == tl_strip_dy;
    if (in->overwrite && plus)
        memcpy(grad, dy, (size_t)n * sizeof *grad);
    else if (in->overwrite)
        tl_strip_minus_dy(&(tl_strip){ .n = n, .dy = dy }, grad);
    else if (plus)
        tl_kernel_table()->add(n, dy, grad);
    else
        tl_kernel_table()->axpy(n, -1, dy, grad);
}

/* Returns whether a gradient is wanted that needs no sums: of an operand that is as Y is. */
static bool is_direct(const tl_operands *o, int i)
{
    return o->in[i].node->grad && o->in[i].mode == TL_WHOLE;
}

static void backward(void *context, int64_t begin, int64_t end)
{
    const tl_operands *o = context;
    bool by_strips[2];
    for (int i = 0; i < 2; i++) {
        by_strips[i] = is_direct(o, i) && !tl_is_pass(o->op, i);
        if (is_direct(o, i) && tl_is_pass(o->op, i))
            pass(o, i, begin, end - begin);
    }
    if (!by_strips[0] && !by_strips[1])
        return;
    tl_walk w;
    tl_walk_to(&w, o, begin);
    while (w.at < end) {
        const int64_t at = w.at;
        tl_walk_strip(&w, end - at);
        for (int i = 0; i < 2; i++)
            if (by_strips[i])
                tl_accumulate(o->op->gradient[i], &w.strip, o->in[i].node->grad + at,
                              o->in[i].node->overwrite);
    }
}

/* Clears the gradients of operands of an empty Y. */
static void clear_gradients(const tl_node *y)
{
    for (int i = 0; i < 2; i++)
        if (y->in[i]->grad && y->in[i]->overwrite && y->in[i]->size > 0)
            memset(y->in[i]->grad, 0, (size_t)y->in[i]->size * sizeof(tl_real));
}

void tl_binary_backward(tl_node *y)
{
    const tl_binary *op = (const tl_binary *)y->op;
    tl_operands o;
    if (y->size == 0) {
        clear_gradients(y);
        return;
    }
    tl_operands_init(&o, y, !tl_is_pass(op, 0) || !tl_is_pass(op, 1));
    o.again = (tl_node_has_changed(y->in[0]) || tl_node_has_changed(y->in[1])) &&
              (tl_reads_result(op, 0) || tl_reads_result(op, 1));
    if (is_direct(&o, 0) || is_direct(&o, 1))
        tl_run_tasks(y->size, grain_of(&o), backward, &o);
    for (int i = 0; i < 2; i++)
        if (o.in[i].node->grad && o.in[i].mode == TL_CELLS)
            tl_sum_cells(&o, i);
        else if (o.in[i].node->grad && o.in[i].mode != TL_WHOLE)
            tl_sum_gradient(&o, i);
}

void tl_binary_describe(const tl_node *y, tl_description *to)
{
    const tl_binary *op = (const tl_binary *)y->op;
    if (op->standard)
        tl_describe_name(to, op->standard);
    if (op->attributes)
        op->attributes(y, to);
}
