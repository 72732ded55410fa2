/* What the files of the test kit share. */
#ifndef TL_OP_CHECK_PRIVATE_H
#define TL_OP_CHECK_PRIVATE_H

#include "op_check.h"

/* The case that is checked: unary and binary ones as cases of any op, with what only they state. */
typedef struct tl_subject {
    const tl_op_case *op;
    const tl_unary_case *unary;   /* NULL: it is not one */
    const tl_binary_case *binary; /* the same */
    int32_t stage;
} tl_subject;

/* A stage: TL_OK, or what tl_report returned. */
typedef tl_status tl_stage_fn(const tl_subject *s);

tl_stage_fn tl_stage_null, tl_stage_errors, tl_stage_shape, tl_stage_value, tl_stage_special,
    tl_stage_gradient, tl_stage_second_order, tl_stage_constants, tl_stage_shared, tl_stage_reused,
    tl_stage_empty, tl_stage_threads, tl_stage_place, tl_stage_memory, tl_stage_steady, tl_stage_minimize,
    tl_stage_inference, tl_stage_between, tl_stage_absent;

/* Runs a stage of the case, unless it skips it. */
tl_status tl_run_stage(tl_subject s, int32_t stage);

/* ---- Reports ---- */

/* Records "name: stage of 3x4, 4x5: ..." and returns TL_ERR_NUMERIC. sample = NULL: without operands. */
tl_status tl_report(const tl_subject *s, const tl_sample *sample, const char *format, ...) TL_PRINTF(3, 4);

/* Reports the thread's last error, after the name of what failed. */
tl_status tl_report_error(const tl_subject *s, const tl_sample *sample, const char *what);

/* Records that memory is short. */
tl_status tl_check_no_memory(void);

/* ---- Samples ---- */

/* Return whether a sample is one that works (no error, no example), and whether it is small, too. */
bool tl_sample_works(const tl_sample *sample);
bool tl_sample_is_small(const tl_subject *s, const tl_sample *sample);

/* Returns the first sample that is small and works, or NULL, after a report. */
const tl_sample *tl_first_sample(const tl_subject *s);

int32_t tl_sample_count(const tl_subject *s, const tl_sample *sample); /* of its operands */
bool tl_operand_is_sparse(const tl_operand *o);
bool tl_operand_is_absent(const tl_operand *o);

/* ---- Random numbers ---- */

/* Knuth's generator for MMIX (The Art of Computer Programming, section 3.3.4): the checks draw millions. */
typedef struct tl_draws {
    uint64_t state;
} tl_draws;

/* Returns a number in [0, 1). */
static inline double tl_draw_uniform(tl_draws *r)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (double)(r->state >> 11) * 0x1p-53;
}

/* ---- Operands ---- */

typedef enum tl_draw {
    TL_DRAW_VALUES, /* anywhere in the domain */
    TL_DRAW_SMOOTH  /* away from kinks and from the ends of the domain */
} tl_draw;

/* The operands of one sample: variables, of whose values a constant is an input. */
typedef struct tl_operands {
    const tl_subject *subject;
    const tl_sample *sample;
    int32_t n;
    uint32_t gradable;            /* bit i: the op has a gradient for operand i */
    tl_variable *v[TL_SAMPLE_IN]; /* NULL: absent */
} tl_operands;

/* Fills *o, which tl_operands_free frees, after a failure as well. */
tl_status tl_operands_draw(const tl_subject *s, const tl_sample *sample, tl_draw how, tl_operands *o);

/* Draws the operands of each sample that works, and checks them; stops at the first failure. */
tl_status tl_check_samples(const tl_subject *s, tl_draw how, tl_status (*check)(const tl_operands *o));

/* Makes operands of those of `o` without the first `first` rows of the operands in `cut`; the sample of the
 * new ones is *sample, which this fills. */
tl_status tl_operands_cut(const tl_operands *o, uint32_t cut, int64_t first, tl_sample *sample,
                          tl_operands *out);
void tl_operands_free(tl_operands *o);

/* Returns the range of random values of operand i. */
void tl_operand_range(const tl_subject *s, const tl_sample *sample, int32_t i, tl_draw how, double *low,
                      double *high);

/* Makes the values of v, which is operand i and j, such that neither f(v, v) has a kink near. */
void tl_operands_avoid_diagonal(const tl_subject *s, tl_variable *v, double low, double high);

/* ---- Broadcasting by NumPy's rule ---- */

bool tl_broadcast_shape(tl_shape a, tl_shape b, tl_shape *y);

/* Returns which element of an operand of shape a meets element k of the result of shape y. */
int64_t tl_broadcast_index(tl_shape a, tl_shape y, int64_t k);

/* ---- Calls ---- */

/* Records the operands: those in `variables` as variables, the others as constants. */
void tl_record_leaves(tl_graph *g, const tl_operands *o, uint32_t variables, tl_node **in);

/* Calls the op. */
tl_node *tl_call(const tl_operands *o, tl_node *const *in);

/* Ops of the kit's own, on dense and sparse nodes: Y = A; Y = the values of all A's, a vector; Y = <w, A>,
 * for weights that are borrowed. */
tl_node *tl_copy_node(tl_node *a);
tl_node *tl_join_nodes(int32_t n, tl_node *const *a);
tl_node *tl_dot_node(tl_node *a, const tl_real *weights);

/* A function for tl_gradcheck that calls the op once. context: tl_build. */
typedef struct tl_build_context {
    const tl_operands *o;
    uint32_t variables;
} tl_build_context;
tl_node *tl_build_call(tl_graph *g, void *context);

/* Runs tl_gradcheck for the operands in `variables`, with the tolerance of the case. */
tl_status tl_check_gradient_of(const tl_operands *o, uint32_t variables, tl_build build, void *context);

/* ---- Runs: a call and its backward pass ---- */

typedef struct tl_run {
    int64_t size; /* of the result */
    tl_real *y;
    tl_real *gradient[TL_SAMPLE_IN]; /* as many values as the variable has; NULL: not a variable */
} tl_run;

/* Runs the op in g, and backward from <upstream, y>; upstream = NULL: random. *r, which tl_run_free frees,
 * receives copies. The error of what fails, which is in tl_error(). */
tl_status tl_run_call(tl_graph *g, const tl_operands *o, uint32_t variables, const tl_real *upstream,
                      tl_run *r);

/* The same with a random upstream gradient and all gradients; calls `change` before the backward pass. */
tl_status tl_run_call_between(tl_graph *g, const tl_operands *o, void (*change)(const tl_operands *o),
                              tl_run *r);
void tl_run_free(tl_run *r);

/* Fills upstream gradients. */
void tl_fill_upstream(tl_real *u, int64_t n);

/* Reports the first bit by which `b` differs from `a`: "y[3] differs on 7 threads". Gradients that one of the
 * two lacks are not compared. */
tl_status tl_compare_runs(const tl_operands *o, const tl_run *a, const tl_run *b, const char *how);

/* ---- Directions ---- */

typedef enum tl_place { TL_START, TL_FORWARD, TL_BACK } tl_place;

/* A random direction: dx of either sign and of about max(1, |x|) at most, and the values of the operands
 * where they start and a step from there, times dx, to either side. */
typedef struct tl_direction {
    const tl_operands *o;
    tl_real *dx[TL_SAMPLE_IN], *at[TL_SAMPLE_IN][3];
} tl_direction;

/* Fills *d, which tl_direction_free frees, after a failure as well. */
tl_status tl_direction_new(const tl_operands *o, tl_direction *d);
void tl_direction_free(tl_direction *d);
double tl_direction_step(void);

/* Computes the result at a place, with the operands at their start again after it. */
tl_status tl_direction_values(const tl_direction *d, tl_place place, tl_run *r);

/* Sets the operands. */
void tl_direction_move(const tl_direction *d, tl_place place);

/* ---- Answers: what the reference says ---- */

typedef struct tl_answer {
    tl_reference r;
    tl_shape shape;
} tl_answer;

/* Computes the answer, which tl_answer_free frees. */
tl_status tl_answer_compute(const tl_operands *o, tl_answer *a);
void tl_answer_free(tl_answer *a);

/* Compare a result with the answer. */
tl_status tl_compare_shape(const tl_operands *o, const tl_answer *a, const tl_node *y);
tl_status tl_compare_values(const tl_operands *o, const tl_answer *a, const tl_node *y);

/* Compares gradients at integers, wherever the reference is linear, without a tolerance. Overwrites the
 * operands. */
tl_status tl_check_exact_gradient(const tl_operands *o);

/* ---- The allocator ---- */

/* Sets whether new blocks are filled with NaN. */
void tl_check_poison(bool on);

#endif
