/* embedding_lookup: Y(i, :) = T(ids[i], :).  dT(ids[i], :) += dY(i, :), as row slices. */
#include "describe.h"
#include "lookup.h"
#include "matrix.h"
#include "ops.h"
#include "tangent.h"

struct attr {
    const int32_t *ids;
    tl_shape shape;
};

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    const tl_status status = tl_shape_lookup(y, attr->shape);
    return status == TL_OK ? tl_copy_rows(y, 0, "ids", tl_shape_size(attr->shape), attr->ids, &attr->ids)
                           : status;
}

static void forward(tl_node *y)
{
    const struct attr *attr = y->attr;
    const int64_t n = tl_shape_size(attr->shape);
    if (y->size > 0)
        tl_gather_rows(n, y->size / n, attr->ids, y->in[0]->val, y->out);
}

static void backward(tl_node *y)
{
    const struct attr *attr = y->attr;
    tl_add_rows(y, 0, tl_shape_size(attr->shape), attr->ids, NULL, NULL, y->grad);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct attr *attr = y->attr;
    const int32_t *ids;
    tl_node *table = tl_moved_rows(dx[0], tl_shape_size(attr->shape), attr->ids, NULL, &ids);
    return tl_embedding_lookup(table, ids, attr->shape);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_name(to, "Gather");
    tl_describe_shape(to, "ids", attr->shape);
}

static const tl_op op = {
    .name = "embedding_lookup",
    .n_in = 1,
    .in_kind = { TL_ROWS },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_embedding_lookup(tl_node *table, const int32_t *ids, tl_shape ids_shape)
{
    return tl_apply(&op, (tl_node *[]){ table }, &(struct attr){ ids, ids_shape }, sizeof(struct attr));
}
