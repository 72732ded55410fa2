/* Samples of losses of rows that have a label each. */
#ifndef TL_LABELLED_H
#define TL_LABELLED_H

#include <math.h>

#include "tests/testing.h"

typedef struct labelled {
    const int32_t *labels;
    tl_cross_entropy_options with;
} labelled;

/* The formula. Losses are -X or, of logits, -log softmax(X), by the naive sum of exponentials. */
static inline tl_shape tl_test_labelled(tl_reference *r, bool logits)
{
    const labelled *of = r->attr;
    const tl_cross_entropy_options *o = &of->with;
    const int64_t n = tl_shape_rows(r->shape[0]), cols = tl_shape_cols(r->shape[0]);
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const bool ignored = o->has_ignore && of->labels[i] == o->ignore;
        const double row = ignored ? 0 : o->row_weights ? (double)o->row_weights[i] : 1;
        double z = logits ? 0 : 1;
        for (int64_t j = 0; logits && j < cols; j++)
            z += exp(r->in[0][i * cols + j]);
        for (int64_t j = 0; row != 0 && j < cols; j++) {
            const double w = row * (o->class_weights ? (double)o->class_weights[j] : 1);
            const double x = r->in[0][i * cols + j], here = of->labels[i] == j ? w : 0;
            const double target = (1 - o->smoothing) * here + o->smoothing / (double)cols * w;
            r->y[o->per_row ? i : 0] += target * (log(z) - x);
            r->terms[o->per_row ? i : 0] += fabs(target) * (fabs(log(z)) + fabs(x));
            total += here;
        }
    }
    if (o->per_row)
        return TL_SHAPE(n);
    *r->y = total != 0 ? *r->y / total : 0;
    *r->terms = total != 0 ? *r->terms / fabs(total) : 0;
    return TL_SHAPE();
}

/* For the first columns of any matrix, and for many. */
static const int32_t labels3[] = { 0, 2, 1, 1, 0, 2 };
static const tl_real row_weights6[] = { 0.5f, 2, 0, -0.25f, 1, 3 }, class_weights3[] = { 0.5f, 2, 1.25f };
static int32_t labels300[300]; /* filled by tl_test_fill_labelled */
static tl_real row_weights300[300], class_weights300[300];

static inline void tl_test_fill_labelled(void)
{
    for (int32_t i = 0; i < 300; i++) {
        labels300[i] = i * 5 % 63;
        row_weights300[i] = (tl_real)(i % 3) / 2 + (tl_real)0.25;
        class_weights300[i] = (tl_real)(i % 4) / 2;
    }
}

#define LABELS(...)  ((const int32_t[]){ __VA_ARGS__ })
#define WEIGHTS(...) ((const tl_real[]){ __VA_ARGS__ })
#define WITH(...)                                                                                            \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

#define LABELLED(its_labels, options, ...)                                                                   \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = &(const labelled)                                   \
        {                                                                                                    \
            its_labels, options                                                                              \
        }                                                                                                    \
    }
#define LABELLED_REFUSED(its_labels, options, its_status, text, ...)                                         \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = &(const labelled){ its_labels, options },           \
        .status = its_status, .error = text                                                                  \
    }
#define LABELLED_EXAMPLE(rows, cols, x, its_labels, options, loss, its_upstream, dx)                         \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(rows, cols), .values = x } },                                              \
        .attr = &(const labelled){ its_labels, options }, .y = loss, .upstream = its_upstream,               \
        .gradient = { dx }, .tolerance = TL_NEAR                                                             \
    }

/* Each option, and all of them. */
#define LABELLED_SAMPLES                                                                                     \
    LABELLED(labels3, WITH(0), 4, 3), LABELLED(labels3, WITH(.ignore = 1, .has_ignore = true), 4, 3),        \
        LABELLED(labels3, WITH(.row_weights = row_weights6), 2, 3, 4),                                       \
        LABELLED(labels3, WITH(.class_weights = class_weights3), 4, 3),                                      \
        LABELLED(labels3, WITH(.row_weights = row_weights6, .class_weights = class_weights3), 6, 3),         \
        LABELLED(labels3, WITH(.smoothing = 0.25), 2, 1, 2, 5),                                              \
        LABELLED(labels3, WITH(.smoothing = 1), 6, 4),                                                       \
        LABELLED(labels3, WITH(.smoothing = 1, .row_weights = WEIGHTS(2, 0, 2), .per_row = true), 3, 2),     \
        LABELLED(labels3, WITH(.smoothing = 0.5, .row_weights = row_weights6), 6, 4),                        \
        LABELLED(labels3, WITH(.smoothing = 0.25, .class_weights = class_weights3), 6, 3),                   \
        LABELLED(labels3, WITH(.per_row = true), 5),                                                         \
        LABELLED(labels3, WITH(.per_row = true, .ignore = 2, .has_ignore = true), 2, 3, 4),                  \
        LABELLED(labels3,                                                                                    \
                 WITH(.per_row = true, .smoothing = 0.25, .row_weights = row_weights6,                       \
                      .class_weights = class_weights3),                                                      \
                 6, 3),                                                                                      \
        LABELLED(labels300, WITH(.smoothing = 0.125, .class_weights = class_weights300), 4, 300),            \
        LABELLED(labels300,                                                                                  \
                 WITH(.smoothing = 0.25, .row_weights = row_weights300, .class_weights = class_weights300,   \
                      .ignore = 10, .has_ignore = true),                                                     \
                 300, 63),                                                                                   \
        LABELLED(labels300,                                                                                  \
                 WITH(.per_row = true, .smoothing = 0.25, .class_weights = class_weights300, .ignore = 10,   \
                      .has_ignore = true),                                                                   \
                 300, 63)

#endif
