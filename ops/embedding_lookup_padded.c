/* embedding_lookup_padded: Y(i, :) = T(ids[i], :), 0 where ids[i] is the padding id.
 * dT(ids[i], :) += dY(i, :) elsewhere, as row slices. */
#include "describe.h"
#include "lookup.h"
#include "ops.h"
#include "tangent.h"

#include <string.h>

struct attr {
    const int32_t *ids;
    tl_shape shape; /* of the ids */
    int32_t padding_id;
};

/* The ids that are not padding, and those that are. */
struct saved {
    int64_t n, n_padding;
    int32_t *row, *at; /* of the former: the id, and its index in ids */
    int32_t *padding;  /* of the latter: its index in ids */
};

static void sort_out(const struct attr *attr, struct saved *s)
{
    const int64_t n = tl_shape_size(attr->shape);
    for (int64_t k = 0; k < n; k++) {
        if (attr->ids[k] == attr->padding_id) {
            s->padding[s->n_padding++] = (int32_t)k;
        } else {
            s->row[s->n] = attr->ids[k];
            s->at[s->n++] = (int32_t)k;
        }
    }
}

static tl_status check(tl_node *y)
{
    const struct attr *attr = y->attr;
    const tl_status status = tl_shape_lookup(y, attr->shape);
    return status == TL_OK ? tl_check_rows(y->in[0], attr->ids, tl_shape_size(attr->shape), &attr->padding_id)
                           : status;
}

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    const tl_status status = check(y);
    if (status != TL_OK)
        return status;
    const int64_t n = tl_shape_size(attr->shape);
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s || !(attr->ids = tl_scratch_copy(y, n, sizeof *attr->ids, attr->ids)))
        return TL_ERR_MEMORY;
    *s = (struct saved){
        .row = tl_scratch(y, n, sizeof *s->row),
        .at = tl_scratch(y, n, sizeof *s->at),
        .padding = tl_scratch(y, n, sizeof *s->padding),
    };
    if (!s->row || !s->at || !s->padding)
        return TL_ERR_MEMORY;
    sort_out(attr, s);
    tl_declare_rows(y, 0, s->n, s->row);
    return TL_OK;
}

static void clear_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct saved *s = y->scratch;
    const int64_t width = tl_lookup_width(y->in[0]);
    for (int64_t k = begin; k < end; k++)
        memset(y->out + s->padding[k] * width, 0, (size_t)width * sizeof *y->out);
}

static void forward(tl_node *y)
{
    const struct saved *s = y->scratch;
    const int64_t width = tl_lookup_width(y->in[0]);
    tl_place_rows(s->n, width, s->row, s->at, y->in[0]->val, y->out);
    tl_parallel_rows(s->n_padding, width, clear_range, y);
}

static void backward(tl_node *y)
{
    const struct saved *s = y->scratch;
    tl_add_rows(y, 0, s->n, s->row, s->at, NULL, y->grad);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct attr *attr = y->attr;
    const int32_t *ids;
    tl_node *table = tl_moved_rows(dx[0], tl_shape_size(attr->shape), attr->ids, &attr->padding_id, &ids);
    return tl_embedding_lookup_padded(table, ids, attr->shape, ids == attr->ids ? attr->padding_id : -1);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_shape(to, "ids", attr->shape);
    tl_describe_integer(to, "padding_id", attr->padding_id);
}

static const tl_op op = {
    .name = "embedding_lookup_padded",
    .n_in = 1,
    .in_kind = { TL_ROWS },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_embedding_lookup_padded(tl_node *table, const int32_t *ids, tl_shape ids_shape,
                                    int32_t padding_id)
{
    return tl_apply(&op, (tl_node *[]){ table }, &(struct attr){ ids, ids_shape, padding_id },
                    sizeof(struct attr));
}
