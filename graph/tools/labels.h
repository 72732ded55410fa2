/* Tools for losses of rows that have a label each, the number of a column: which rows count, and what they
 * and their classes weigh. The rows are those of input 0. */
#ifndef TL_LABELS_H
#define TL_LABELS_H

#include "describe.h"

/* The attributes of such an op, or the first member of them. */
typedef struct tl_labels {
    const int32_t *label;        /* of each row */
    const tl_real *row_weight;   /* of each row; NULL: all 1 */
    const tl_real *class_weight; /* of each column; NULL: all 1 */
    int32_t ignore;              /* with has_ignore: a row of this label has weight 0 */
    bool has_ignore;
    double smoothing; /* the share of a row's loss that is spread over all classes, 0 to 1 */
    bool per_row;     /* the result has a loss per row, otherwise it is their weighted mean */

    /* Set by tl_labels_shape. */
    double unit;        /* divides all row weights: 1 unless the sum of the weights is infinite */
    double total;       /* the sum of the weights in this unit, by which losses are divided; 1 if per_row */
    double class_total; /* the sum of the class weights */
    double each;        /* of a row's weight, for every class: smoothing / the number of classes */
    bool plain;         /* all rows weigh 1, and there is no smoothing */
} tl_labels;

/* What a row's classes weigh, in the unit: `label` for that of its label and, for each class, `each` times
 * its class weight. A row of which both are 0 does not count, and is not to be looked at: its label may be
 * any number. */
typedef struct tl_target {
    double label, each;
} tl_target;

static inline bool tl_target_counts(tl_target t)
{
    return t.label != 0 || t.each != 0;
}

/* For `shape`: checks the attributes, copies their arrays, and declares Y: a scalar, or per_row a vector.
 * `values` names what a row holds, in messages: "labels[7] = 12, a row has 10 logits". TL_ERR_SHAPE for a
 * scalar; TL_ERR_INDEX unless the label of each row that counts is a column; TL_ERR_ARGUMENT if labels are
 * NULL or the smoothing is out of range; TL_ERR_MEMORY. */
TL_API tl_status tl_labels_shape(tl_node *y, const char *values);

/* Returns the weight of row i without that of its class: 0 if it is ignored. */
static inline double tl_labels_row_weight(const tl_labels *l, int64_t i)
{
    if (l->has_ignore && l->label[i] == l->ignore)
        return 0;
    return l->row_weight ? (double)l->row_weight[i] : 1;
}

/* Returns the target of row i. (Inline, as rows may be short.) */
static inline tl_target tl_labels_target(const tl_labels *l, int64_t i)
{
    tl_target t = { 1, 0 };
    if (l->plain)
        return t;
    const double row = tl_labels_row_weight(l, i) / l->unit;
    t.label = row != 0 && l->class_weight ? row * (double)l->class_weight[l->label[i]] : row;
    if (row != 0 && l->smoothing != 0) {
        t.label *= 1 - l->smoothing;
        t.each = l->each * row;
    }
    return t;
}

/* Returns the sum of what a row's classes weigh. */
TL_API double tl_target_sum(const tl_labels *l, tl_target t);

/* Returns dY, or per_row that of row i, times a weight in the unit, over the total. */
static inline tl_real tl_labels_gradient(const tl_node *y, int64_t i, double weight)
{
    const tl_labels *l = (const tl_labels *)y->attr;
    return (tl_real)((double)y->grad[l->per_row ? i : 0] * weight / l->total);
}

/* For `describe`: states the attributes that are not as in a plain mean, and `standard`, the ONNX name,
 * unless there are some that it does not have. */
TL_API void tl_labels_describe(const tl_node *y, const char *standard, tl_description *to);

#endif
