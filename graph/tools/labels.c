/* Losses of rows that have a label each: their weights. */
#include "labels.h"

#include <math.h>

/* Checks the labels of the rows that count. */
static tl_status check_labels(const tl_labels *l, int64_t rows, int64_t cols, const char *values)
{
    const char *name = "labels", *of = "a row";
    const tl_status status = tl_check_ids(name, l->label, rows, cols, l->has_ignore ? &l->ignore : NULL, of,
                                          values);
    if (status != TL_ERR_INDEX || !l->row_weight)
        return status;
    /* rare: a label out of range, which may be that of a row of weight 0 */
    for (int64_t i = 0; i < rows; i++)
        if (tl_labels_row_weight(l, i) != 0 && (l->label[i] < 0 || l->label[i] >= cols))
            return tl_fail(TL_ERR_INDEX, "%s[%lld] = %d, %s has %lld %s", name, (long long)i,
                           (int)l->label[i], of, (long long)cols, values);
    return TL_OK;
}

/* Replaces the arrays by copies. */
static tl_status copy_arrays(tl_node *y, tl_labels *l, int64_t rows, int64_t cols)
{
    if (l->label && !(l->label = tl_scratch_copy(y, rows, sizeof *l->label, l->label)))
        return TL_ERR_MEMORY;
    if (l->row_weight && !(l->row_weight = tl_scratch_copy(y, rows, sizeof *l->row_weight, l->row_weight)))
        return TL_ERR_MEMORY;
    if (l->class_weight &&
        !(l->class_weight = tl_scratch_copy(y, cols, sizeof *l->class_weight, l->class_weight)))
        return TL_ERR_MEMORY;
    return TL_OK;
}

/* Returns the sum of the weights, in the unit, or the largest magnitude of one. */
static double sum_of_weights(tl_labels l, int64_t rows, bool largest)
{
    double sum = 0;
    l.smoothing = 0;
    for (int64_t i = 0; i < rows; i++) {
        const double weight = tl_labels_target(&l, i).label;
        sum = largest ? fmax(sum, fabs(weight)) : sum + weight;
    }
    return sum;
}

static void set_totals(tl_labels *l, int64_t rows, int64_t cols)
{
    l->class_total = 0;
    for (int64_t j = 0; j < cols; j++)
        l->class_total += l->class_weight ? (double)l->class_weight[j] : 1;
    l->each = cols > 0 ? l->smoothing / (double)cols : 0;
    l->plain = !l->row_weight && !l->class_weight && !l->has_ignore && l->smoothing == 0;
    l->unit = l->total = 1;
    if (l->per_row)
        return;
    l->total = sum_of_weights(*l, rows, false);
    if (isinf(l->total)) {
        l->unit = sum_of_weights(*l, rows, true);
        l->total = sum_of_weights(*l, rows, false);
    }
}

tl_status tl_labels_shape(tl_node *y, const char *values)
{
    tl_labels *l = y->attr;
    const tl_shape x = y->in[0]->shape;
    const int64_t rows = tl_shape_rows(x), cols = tl_shape_cols(x);
    if (x.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "the %s are %s, and must have rank 1 or more", values,
                       tl_node_text(y->in[0]).text);
    if (!(l->smoothing >= 0 && l->smoothing <= 1))
        return tl_fail(TL_ERR_ARGUMENT, "the smoothing, %g, is not in 0..1", l->smoothing);
    tl_status status = copy_arrays(y, l, rows, cols);
    if (status == TL_OK)
        status = check_labels(l, rows, cols, values);
    if (status != TL_OK)
        return status;
    set_totals(l, rows, cols);
    return tl_shape_dense(y, l->per_row ? TL_SHAPE(rows) : TL_SHAPE());
}

double tl_target_sum(const tl_labels *l, tl_target t)
{
    return t.each != 0 ? t.label + t.each * l->class_total : t.label;
}

void tl_labels_describe(const tl_node *y, const char *standard, tl_description *to)
{
    const tl_labels *l = y->attr;
    if (!l->row_weight && l->smoothing == 0)
        tl_describe_name(to, standard);
    if (l->row_weight)
        tl_describe_boolean(to, "weighted", true);
    if (l->class_weight)
        tl_describe_boolean(to, "class_weights", true);
    if (l->has_ignore)
        tl_describe_integer(to, "ignore_index", l->ignore);
    if (l->smoothing != 0)
        tl_describe_number(to, "label_smoothing", l->smoothing);
    if (l->per_row)
        tl_describe_text(to, "reduction", "none");
}
