/* Elementwise ops of one operand, and of two that broadcast. Their author states what happens to a strip of
 * elements; kinds, shapes, broadcasting, threads, and how gradients are accumulated are up to the functions
 * below.
 *
 *     square: Y = A^2.  dA += 2 A dY.
 *
 *     static void value(const tl_strip *s, tl_real *restrict y)
 *     {
 *         for (int64_t k = 0; k < s->n; k++)
 *             y[k] = s->a[k] * s->a[k];
 *     }
 *
 *     static void gradient(const tl_strip *s, tl_real *restrict g)
 *     {
 *         for (int64_t k = 0; k < s->n; k++)
 *             g[k] = 2 * s->a[k] * s->dy[k];
 *     }
 *
 *     static const tl_unary square = { .op = TL_UNARY("square"), .value = value, .gradient = gradient };
 *
 *     tl_node *my_square(tl_node *a) { return tl_apply(&square.op, (tl_node *[]){ a }, NULL, 0); }
 */
#ifndef TL_ELEMENTWISE_H
#define TL_ELEMENTWISE_H

#include "describe.h"

/* The most elements in a strip: few enough for the first cache and for arrays on the stack of a tl_strip_fn,
 * many enough for the cost of its call not to count. */
enum { TL_STRIP_MAX = 512 };

/* Consecutive elements of Y, and the elements of A and B that they are computed from. */
typedef struct tl_strip {
    int64_t n;
    const tl_real *a, *b; /* the operands, broadcast; b: of a binary op */
    const tl_real *y;     /* the result of the operands as they are now, for gradients */
    const tl_real *dy;    /* its gradient, for gradients */
    const void *attr;     /* the attributes given to tl_apply */
} tl_strip;

/* Assigns out[0] .. out[n-1], which overlap no array of the strip (so a definition may say `restrict`). An
 * element's value must not depend on n or on its place in the strip, which vary with the number of threads:
 * loops of plain C and the functions of vmath.h are that way. */
typedef void tl_strip_fn(const tl_strip *s, tl_real *out);

/* Y = f(A), in A's shape; of a sparse matrix: f of its values, on its pattern. */
typedef struct tl_unary {
    tl_op op;                             /* TL_UNARY(name) */
    tl_strip_fn *value;                   /* f(A) */
    tl_strip_fn *gradient;                /* dY f'(A); it is added to dA, or becomes it */
    tl_status (*check)(const tl_node *y); /* fails, as `shape` does, on wrong attributes; may be NULL */
    int64_t grain;                        /* elements that are worth a task; 0: TL_GRAIN */
    /* What tl_graph_print and exporters see (describe.h): the op's ONNX name, and its attributes. Both may be
     * NULL. */
    const char *standard;
    void (*attributes)(const tl_node *y, tl_description *to);
} tl_unary;

/* Y = f(A, B) with NumPy's broadcasting on both sides: shapes are aligned at their last dimensions, and where
 * one has no dimension, or one of size 1, its elements are repeated along the other's. The gradient of an
 * operand is summed, in double, over the elements of Y that each of its elements met. */
typedef struct tl_binary {
    tl_op op;                             /* TL_BINARY(name) */
    tl_strip_fn *value;                   /* f(A, B) */
    tl_strip_fn *gradient[2];             /* dY df/dA and dY df/dB, for every element of Y */
    tl_status (*check)(const tl_node *y); /* as in tl_unary; the operands have kinds that the op takes */
    int64_t grain;                        /* these three as in tl_unary */
    const char *standard;
    void (*attributes)(const tl_node *y, tl_description *to);
    /* f is also taken of a sparse A: at its entries, on its pattern. B is sparse on the same pattern (the
     * same object), or dense and broadcast to A's shape, and the gradient of B is summed over the entries
     * that each element met. */
    bool sparse;
    const char *instead; /* what an op that is not `sparse` suggests for a sparse operand; may be NULL */
} tl_binary;

/* For `check`: checks that B is a vector as long as the rows of A, which is not a scalar. TL_ERR_SHAPE. */
TL_API tl_status tl_check_row(const tl_node *y);

/* Initialisers of .op. Its tangent may follow: `.op = TL_UNARY("relu"), .op.tangent = tangent,`. */
#define TL_UNARY(op_name)                                                                                    \
    {                                                                                                        \
        .name = (op_name), .n_in = 1, .in_kind = { TL_ANY }, .shape = tl_unary_shape,                        \
        .forward = tl_unary_forward, .backward = tl_unary_backward, .can_overwrite = 1,                      \
        .describe = tl_unary_describe                                                                        \
    }
#define TL_BINARY(op_name)                                                                                   \
    {                                                                                                        \
        .name = (op_name), .n_in = 2, .in_kind = { TL_ANY, TL_ANY }, .shape = tl_binary_shape,               \
        .forward = tl_binary_forward, .backward = tl_binary_backward, .can_overwrite = 3,                    \
        .describe = tl_binary_describe                                                                       \
    }

TL_API tl_status tl_unary_shape(tl_node *y);
TL_API void tl_unary_forward(tl_node *y);
TL_API void tl_unary_backward(tl_node *y);
TL_API void tl_unary_describe(const tl_node *y, tl_description *to);
TL_API tl_status tl_binary_shape(tl_node *y);
TL_API void tl_binary_forward(tl_node *y);
TL_API void tl_binary_backward(tl_node *y);
TL_API void tl_binary_describe(const tl_node *y, tl_description *to);

/* Gradients that are dY, -dY, dY B and dY A. They are recognised: what is done with them next is done in the
 * same pass, and products are summed in double without being rounded first where the other operand is not
 * broadcast. */
TL_API void tl_strip_dy(const tl_strip *s, tl_real *g) TL_REAL_SYMBOL(tl_strip_dy);
TL_API void tl_strip_minus_dy(const tl_strip *s, tl_real *g) TL_REAL_SYMBOL(tl_strip_minus_dy);
TL_API void tl_strip_dy_b(const tl_strip *s, tl_real *g) TL_REAL_SYMBOL(tl_strip_dy_b);
TL_API void tl_strip_dy_a(const tl_strip *s, tl_real *g) TL_REAL_SYMBOL(tl_strip_dy_a);

#endif
