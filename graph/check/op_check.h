/* The test kit for ops: its author states facts (a reference in double, a domain, an error bound, shapes,
 * special values, errors), and the kit derives the checks from them, in stages. It is a library of its own,
 * tulle-check or tulle64-check, and knows no test framework: results are statuses with a text of one line,
 *
 *     softplus: gradient of 2x1x3x2: gradcheck: a[3]: analytic 0.44, numeric -0.72
 *
 * check_tulle.h makes tests of them for Check, and docs/testing-an-op.md shows both.
 *
 * Random operands have fixed seeds: a failure is the same in every run. */
#ifndef TL_OP_CHECK_H
#define TL_OP_CHECK_H

#include "gradcheck.h"
#include "op.h"

/* ---- Stages ---- */

/* In the order in which they run. */
typedef enum tl_stage {
    TL_STAGE_NULL,     /* inputs that are NULL, of another graph or kind, or that want a gradient in vain */
    TL_STAGE_ERRORS,   /* samples that are refused: status and text; the graph works after its reset */
    TL_STAGE_SHAPE,    /* shape, kind and pattern of the result are the reference's */
    TL_STAGE_VALUE,    /* so are its values, in memory that was NaN; the inputs are unchanged */
    TL_STAGE_SPECIAL,  /* values and gradients that the author states: infinities, zeros, NaN, kinks */
    TL_STAGE_GRADIENT, /* tl_gradcheck; of many values, in one direction; of exact ops, exactly, too */
    TL_STAGE_SECOND_ORDER, /* tl_derivative through the op, and its gradient */
    TL_STAGE_CONSTANTS,    /* every subset of the inputs as constants */
    TL_STAGE_SHARED,       /* one variable as two inputs, if there are two */
    TL_STAGE_REUSED,       /* inputs that other ops read before and after; the op called twice */
    TL_STAGE_EMPTY,        /* each size 0 in turn: results and gradients, or a clean refusal */
    TL_STAGE_THREADS,      /* 1, 2 and 7 threads: the same bits */
    TL_STAGE_PLACE,        /* the first rows cut off: the same bits in the others */
    TL_STAGE_MEMORY,       /* each allocation fails in turn: TL_ERR_MEMORY, and nothing is lost or changed */
    TL_STAGE_STEADY,       /* the second step allocates nothing */
    TL_STAGE_MINIMIZE,     /* tl_minimize steps to the bits of tl_compute_gradients, tl_apply_gradients */
    TL_STAGE_INFERENCE,    /* on a graph for inference: the same bits */
    TL_STAGE_BETWEEN,      /* variables change between forward and backward: gradients at the new values */
    TL_STAGE_ABSENT        /* gradient_rows: the gradient of all cells of a sparse operand */
} tl_stage;

/* A stage in the set `skip` of a case: TL_SKIP(TL_STAGE_PLACE) | TL_SKIP(TL_STAGE_SHARED). */
#define TL_SKIP(stage) ((uint32_t)1 << (stage))

/* Return the number of stages, and the name of one as reports have it ("second order"); "" if there is no
 * such stage. */
TL_API int32_t tl_stage_count(void);
TL_API const char *tl_stage_name(int32_t stage);

/* ---- One operand, element by element ---- */

/* Y = f(A). Takes sparse nodes as well if the op is declared TL_ANY. */
typedef struct tl_unary_case {
    const char *name;
    tl_node *(*op)(tl_node *a);
    double (*value)(double a);          /* the reference */
    double low, high;                   /* where values are compared; 0, 0: -8 to 8 */
    double ulps;                        /* their error in units in the last place; 0: correctly rounded */
    double gradient_low, gradient_high; /* where gradients are compared; 0, 0: low to high */
    double tolerance;                   /* of gradients; 0: that of tl_gradcheck */
    /* Points where the gradient is known, above all those where f has no derivative: random operands keep
     * away from them, and the gradient at them is checked to be `slope`. */
    struct {
        double at, slope;
    } kink[8];
    int32_t n_kinks;
    /* Pairs that hold to the bit: infinities, zeros, NaN. */
    struct {
        double a, y;
    } special[16];
    int32_t n_special;
    const char *no_tangent; /* why the op has no tangent: "second order" then checks that there is none */
    uint32_t skip;          /* TL_SKIP of stages, with the reason in a comment */
} tl_unary_case;

/* ---- Any op ---- */

#define TL_SAMPLE_IN     8         /* the most operands of a sample */
#define TL_SAMPLE_SMALL  512       /* the most values of a sample for the stages that compute differences */
#define TL_REFERENCE_MAX (1 << 17) /* the most values of a result */

typedef struct tl_operand {
    tl_shape shape;       /* of rank -1: an optional input that is absent */
    double density;       /* > 0: sparse; row 1 and column 1 are empty if there are more than two */
    const uint8_t *keep;  /* sparse with this pattern, row-major, in place of `density` */
    bool same_pattern;    /* sparse on the very pattern of the first sparse operand, if they have one shape */
    double low, high;     /* the range of random values; 0, 0: either sign, magnitude 0.2 to 1.2 */
    const double *values; /* these, row-major, in place of random ones */
    bool constant;        /* the op has no gradient for it */
} tl_operand;

/* A shape, operands (a scalar is TL_SCALAR_OPERAND) and arrays of values as initialisers of static tables:
 *
 *     { .in = { TL_DENSE_OPERAND(3, 4), { TL_STATIC_SHAPE(4), .values = TL_VALUES(1, 2, INFINITY, 4) } } } */
#define TL_VALUES(...) ((const double[]){ __VA_ARGS__ })
#define TL_STATIC_SHAPE(...)                                                                                 \
    {                                                                                                        \
        sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t),                                                \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define TL_DENSE_OPERAND(...)                                                                                \
    {                                                                                                        \
        .shape = TL_STATIC_SHAPE(__VA_ARGS__)                                                                \
    }
#define TL_SPARSE_OPERAND(rows, cols, its_density)                                                           \
    {                                                                                                        \
        .shape = TL_STATIC_SHAPE(rows, cols), .density = (its_density)                                       \
    }
#define TL_SCALAR_OPERAND                                                                                    \
    {                                                                                                        \
        .shape = { 0, { 0 } }                                                                                \
    }
#define TL_ABSENT_OPERAND                                                                                    \
    {                                                                                                        \
        .shape = { -1, { 0 } }                                                                               \
    }

/* One call of an op. A sample is of one of three kinds: one that works, one that is refused (`status`), and
 * an example, whose result is known (`y`, `gradient`). */
typedef struct tl_sample {
    tl_operand in[TL_SAMPLE_IN];
    int32_t n_in;     /* of an op that takes a list; 0: that of the case */
    const void *attr; /* passed to the op and to the reference: ids, labels, an axis, flags */
    bool large;       /* is treated as one of many values: the result has many */

    const char *no_tangent; /* why the op has no tangent for these operands; as in the case */

    tl_status status;  /* not TL_OK: the call fails with this .. */
    const char *error; /* .. and this text after "name: ", of variables a, b ..; NULL: any */

    const double *y;                      /* the values of the result, at its pattern if it is sparse */
    const double *upstream;               /* the gradient of the result; NULL: ones */
    const double *gradient[TL_SAMPLE_IN]; /* of the operands, at their patterns; NULL: not compared */
    double tolerance; /* relative to max(1, |expected|); 0: equal, -0 and 0 are not in Y */
} tl_sample;

/* What a reference function reads and fills. */
typedef struct tl_reference {
    const double *in[TL_SAMPLE_IN];    /* row-major, sparse ones expanded with zeros; NULL: absent */
    const uint8_t *keep[TL_SAMPLE_IN]; /* the pattern, row-major; NULL: dense */
    tl_shape shape[TL_SAMPLE_IN];
    int32_t n_in;
    const void *attr;
    /* [TL_REFERENCE_MAX], all 0. */
    double *y;       /* the values, row-major */
    double *terms;   /* optional: the sum of the magnitudes of the terms that y[k] is the sum of */
    uint8_t *y_keep; /* the pattern of a sparse result .. */
    bool sparse;     /* .. which this tells */
} tl_reference;

typedef struct tl_op_case {
    const char *name;
    int32_t n_in;
    tl_node *(*op)(tl_node *const *in, const void *attr);
    /* Computes the result in double, by plain loops, and returns its shape. Also called for operands without
     * elements. */
    tl_shape (*reference)(tl_reference *r);
    const tl_sample *sample;
    int32_t n_samples;
    double ulps;            /* error in units in the last place of `terms`, or of y where that is less; 0: */
                            /* exact, and random operands without a range are integers of -5 to 5 */
    double tolerance;       /* of gradients; 0: that of tl_gradcheck */
    uint32_t row_operands;  /* bit i: "place" cuts the first rows off operand i, elements if it is a */
                            /* vector; 0: off operand 0. The op has to take the rest of every sample */
    const char *no_tangent; /* why the op has no tangent: "second order" then checks that there is none */
    bool composed;          /* of several ops, whose names precede their messages */
    uint32_t skip;          /* TL_SKIP of stages, with the reason in a comment */
} tl_op_case;

/* ---- Two operands, element by element ---- */

/* Y = f(A, B), broadcast by NumPy's rule. */
typedef struct tl_binary_case {
    const char *name;
    tl_node *(*op)(tl_node *a, tl_node *b);
    double (*value)(double a, double b); /* the reference */
    double a_low, a_high, b_low, b_high; /* where it is compared; 0, 0: -8 to 8 */
    double ulps;                         /* error in units in the last place; 0: correctly rounded */
    double tolerance;                    /* of gradients; 0: that of tl_gradcheck */
    /* 0 where f has no derivative, at ties for example; random operands keep 0.1 away. NULL: nowhere. */
    double (*kink_distance)(double a, double b);
    /* Points where the gradients are known, above all those at kinks. */
    struct {
        double a, b, da, db;
    } kink[8];
    int32_t n_kinks;
    /* Triples that hold to the bit. */
    struct {
        double a, b, y;
    } special[16];
    int32_t n_special;
    /* Takes a sparse A as well, and with it B sparse on the same pattern, or dense and broadcast to A's
     * shape; Y is at A's pattern. */
    bool sparse;
    /* Samples: without a working one among them, those of the kit are tried: every way to broadcast. */
    const tl_sample *sample;
    int32_t n_samples;
    const char *no_tangent; /* why the op has no tangent: "second order" then checks that there is none */
    uint32_t skip;          /* TL_SKIP of stages, with the reason in a comment */
} tl_binary_case;

/* ---- Checks ---- */

/* Run all stages, or one, that the case does not skip. TL_ERR_NUMERIC at the first check that fails, with the
 * op, the stage, the operands, the element and both values in tl_error(); TL_ERR_ARGUMENT if the case or the
 * stage is not complete, or if the library has allocated before the allocator was set (below);
 * TL_ERR_MEMORY. */
TL_API tl_status tl_check_unary(const tl_unary_case *c) TL_REAL_SYMBOL(tl_check_unary);
TL_API tl_status tl_check_binary(const tl_binary_case *c) TL_REAL_SYMBOL(tl_check_binary);
TL_API tl_status tl_check_op(const tl_op_case *c) TL_REAL_SYMBOL(tl_check_op);
TL_API tl_status tl_check_unary_stage(const tl_unary_case *c, int32_t stage)
    TL_REAL_SYMBOL(tl_check_unary_stage);
TL_API tl_status tl_check_binary_stage(const tl_binary_case *c, int32_t stage)
    TL_REAL_SYMBOL(tl_check_binary_stage);
TL_API tl_status tl_check_op_stage(const tl_op_case *c, int32_t stage) TL_REAL_SYMBOL(tl_check_op_stage);

/* ---- The allocator of the checks ---- */

/* Sets an allocator that counts, and fails on demand. The checks do it themselves; a program that uses the
 * library before calls it first. TL_ERR_ARGUMENT if the library has allocated already. */
TL_API tl_status tl_check_set_allocator(void);

/* Makes the k-th allocation from now (1: the next) fail, and only it; 0: none. */
TL_API void tl_check_fail_allocation(int64_t k);

/* Return the number of allocations since the program started, and of blocks that are not released. */
TL_API int64_t tl_check_allocations(void);
TL_API int64_t tl_check_live_blocks(void);

#endif
