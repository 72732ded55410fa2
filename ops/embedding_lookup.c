/* embedding_lookup: Y(i, :) = T(ids[i], :).  dT(ids[i], :) += dY(i, :), as row slices. */
#include "op.h"
#include "ops.h"

#include <string.h>

typedef struct lookup {
    const int32_t *id;
    tl_shape shape;
} lookup;

static tl_status shape(tl_node *y)
{
    const lookup *by = y->attr;
    tl_shape table = y->in[0]->shape, out = by->shape;
    if (table.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "the table is a scalar");
    if (tl_shape_check(out) != TL_OK)
        return tl_fail(TL_ERR_SHAPE, "ids: %s", tl_error());
    if (out.rank + table.rank - 1 > TL_MAX_RANK)
        return tl_fail(TL_ERR_SHAPE, "ids %s in a table of %s make more than %d dimensions",
                       tl_shape_text(out).text, tl_shape_text(table).text, TL_MAX_RANK);
    for (int32_t k = 1; k < table.rank; k++)
        out.dim[out.rank++] = table.dim[k];
    tl_status status = tl_check_ids("ids", by->id, tl_shape_size(by->shape), table.dim[0], NULL, "table",
                                    "rows");
    if (status != TL_OK)
        return status;
    tl_declare_rows(y, 0, tl_shape_size(by->shape), by->id);
    return tl_shape_dense(y, out);
}

/* Asks for a row, or for as much of a wide one as a chip needs to foresee the rest. */
static void foresee(const tl_real *row, int64_t width)
{
    enum { LINE = 64 / sizeof(tl_real), MOST = 8 * LINE };
    for (int64_t j = 0; j < width && j < MOST; j += LINE)
        __builtin_prefetch(row + j);
}

static void copy_rows(void *context, int64_t begin, int64_t end)
{
    enum { AHEAD = 16 }; /* rows; as measured where no cache holds the table */
    const tl_node *y = context;
    const lookup *by = y->attr;
    const int64_t width = y->size / tl_shape_size(by->shape);
    const tl_real *table = y->in[0]->val;
    for (int64_t i = begin; i < end; i++) {
        if (i + AHEAD < end)
            foresee(table + by->id[i + AHEAD] * width, width);
        memcpy(y->out + i * width, table + by->id[i] * width, (size_t)width * sizeof *y->out);
    }
}

static void forward(tl_node *y)
{
    const lookup *by = y->attr;
    const int64_t n = tl_shape_size(by->shape);
    if (y->size > 0)
        tl_parallel_for(n, 1 + 16384 / (y->size / n), copy_rows, y);
}

static void backward(tl_node *y)
{
    const lookup *by = y->attr;
    tl_add_rows(y, 0, tl_shape_size(by->shape), by->id, NULL, NULL, y->grad);
}

static const tl_op op = { .name = "embedding_lookup",
                          .n_in = 1,
                          .in_kind = { TL_ROWS },
                          .shape = shape,
                          .forward = forward,
                          .backward = backward };

tl_node *tl_embedding_lookup(tl_node *table, const int32_t *ids, tl_shape ids_shape)
{
    return tl_apply(&op, (tl_node *[]){ table }, &(lookup){ ids, ids_shape }, sizeof(lookup));
}
