/* mse: Y = mean of (A - B)^2.  dA += 2 (A - B) dY / n;  dB -= the same. */
#include "op.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    tl_shape a = y->in[0]->shape, b = y->in[1]->shape;
    if (!tl_shape_equal(a, b))
        return tl_fail(TL_ERR_SHAPE, "%s against %s", tl_shape_text(a).text, tl_shape_text(b).text);
    return tl_shape_dense(y, TL_SHAPE());
}

/* In parts, by k mod 8, or each addition would wait for the one before. */
static void forward(tl_node *y)
{
    enum { PARTS = 8 };
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    const int64_t n = y->in[0]->size, whole = n - n % PARTS;
    double part[PARTS] = { 0 }, sum = 0;
    for (int64_t k = 0; k < whole; k += PARTS)
        for (int l = 0; l < PARTS; l++) {
            const double d = (double)a[k + l] - (double)b[k + l];
            part[l] += d * d;
        }
    for (int64_t k = whole; k < n; k++)
        part[k - whole] += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
    for (int l = 0; l < PARTS; l++)
        sum += part[l];
    y->out[0] = n > 0 ? (tl_real)(sum / (double)n) : 0;
}

static void backward(tl_node *y)
{
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    tl_real *da = y->in[0]->grad, *db = y->in[1]->grad;
    int64_t n = y->in[0]->size;
    tl_real c = n > 0 ? 2 * y->grad[0] / (tl_real)n : 0;
    for (int64_t k = 0; da && k < n; k++)
        da[k] += c * (a[k] - b[k]);
    for (int64_t k = 0; db && k < n; k++)
        db[k] -= c * (a[k] - b[k]);
}

static const tl_op op = {
    .name = "mse", .n_in = 2, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_mse(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
