/* Elementwise ops of one operand. */
#include "graph/tools/driver.h"

static const tl_unary *unary_of(const tl_node *y)
{
    return (const tl_unary *)y->op;
}

tl_status tl_unary_shape(tl_node *y)
{
    const tl_status status = unary_of(y)->check ? unary_of(y)->check(y) : TL_OK;
    return status == TL_OK ? tl_shape_like(y, y->in[0]) : status;
}

static int64_t grain_of(const tl_node *y)
{
    return unary_of(y)->grain > 0 ? unary_of(y)->grain : TL_GRAIN;
}

static void forward(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    tl_strip s = { .a = y->in[0]->val + begin, .attr = y->attr };
    for (int64_t at = begin; at < end; at += TL_STRIP_MAX) {
        s.n = tl_strip_size(end - at);
        unary_of(y)->value(&s, y->out + at);
        s.a += TL_STRIP_MAX;
    }
}

void tl_unary_forward(tl_node *y)
{
    tl_run_tasks(y->size, grain_of(y), forward, y);
}

static void backward(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const bool again = tl_node_has_changed(a); /* Y may be of values that A no longer has */
    _Alignas(64) tl_real now[TL_STRIP_MAX];
    tl_strip s = { .a = a->val + begin, .dy = y->grad + begin, .attr = y->attr };
    for (int64_t at = begin; at < end; at += TL_STRIP_MAX) {
        s.n = tl_strip_size(end - at);
        s.y = again ? now : y->val + at;
        if (again)
            unary_of(y)->value(&s, now);
        tl_accumulate(unary_of(y)->gradient, &s, a->grad + at, a->overwrite);
        s.a += TL_STRIP_MAX;
        s.dy += TL_STRIP_MAX;
    }
}

void tl_unary_backward(tl_node *y)
{
    tl_run_tasks(y->size, grain_of(y), backward, y);
}

void tl_unary_describe(const tl_node *y, tl_description *to)
{
    const tl_unary *op = (const tl_unary *)y->op;
    if (op->standard)
        tl_describe_name(to, op->standard);
    if (op->attributes)
        op->attributes(y, to);
}
