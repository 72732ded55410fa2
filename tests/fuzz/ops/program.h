/* Random programs of ops, drawn from the bytes of an input: what they consist of, and the ways to run them.
 *
 *     draw.c      bytes, sizes, values; inputs that are there, or new ones
 *     elementwise.c, rows.c, moves.c, products.c, windows.c, losses.c, compositions.c, sparse.c, lookups.c
 *                 the table of ops: how each is drawn and called, and what it computes in dense terms
 *     program.c   a program is drawn while it runs for the first time
 *     world.c     variables, optimizer and graph of one run
 *     steps.c     the steps of a run, and the edits between them
 *     misuse.c    calls that must fail and change nothing
 *     compare.c   the same program run in other ways
 *     faults.c    ops with faults that have to be found: the self-test */
#ifndef TL_FUZZ_PROGRAM_H
#define TL_FUZZ_PROGRAM_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum {
    FUZZ_ITEMS = 128,
    FUZZ_IN = 7,
    FUZZ_VARIABLES = 24,
    FUZZ_STEPS = 3,
    FUZZ_PATTERNS = 400,
    FUZZ_EDITS = 2
};

typedef struct fuzz_op fuzz_op;
typedef struct fuzz_program fuzz_program;
typedef struct fuzz_world fuzz_world;

/* A leaf or a call, with its result in the first run. */
typedef struct fuzz_item {
    const fuzz_op *op; /* NULL: a leaf */
    int32_t n_in;
    int32_t in[FUZZ_IN]; /* earlier items; -1: absent */

    /* Attributes: each op takes those that it has. */
    int32_t axis; /* also tl_trans, tl_combiner */
    int64_t begin, end, n;
    double c, d;
    bool flag;
    tl_shape to;
    int64_t before[TL_MAX_RANK], after[TL_MAX_RANK];
    int32_t axes[TL_MAX_RANK];
    int32_t window[2], stride[2], padding[2], dilation[2];
    int64_t n_ids;
    int32_t *ids;
    int64_t *row_ptr;
    tl_real *weights, *more_weights;
    tl_pattern *pattern;

    /* Leaves. */
    int32_t variable; /* -1: a constant */
    tl_real *data;    /* of a constant */
    bool borrowed;    /* a constant by tl_input, not tl_constant */

    /* The result. */
    tl_shape shape;
    tl_pattern *on; /* of a sparse one */
    int64_t size;
    tl_real *value;
    bool closed; /* nothing may use it */
    bool used;
    bool finite, excluding; /* excluding: not finite, but -Inf at most */
} fuzz_item;

/* A line of the table. One of the functions from `one` to `apply` calls the op. */
struct fuzz_op {
    const char *name;
    /* Chooses inputs and attributes; false: nothing fits. Other items may be added. */
    bool (*draw)(fuzz_program *p, fuzz_item *c);
    tl_node *(*one)(tl_node *a);
    tl_node *(*two)(tl_node *a, tl_node *b);
    tl_node *(*constant)(tl_node *a, tl_real c);
    tl_node *(*along)(tl_node *a, int32_t axis);
    tl_node *(*segments)(tl_node *a, const int64_t *row_ptr, int64_t n);
    tl_node *(*product)(tl_node *a, tl_node *b, tl_trans t);
    tl_node *(*apply)(fuzz_world *w, const fuzz_item *c, tl_node *const *in);
    /* The same from dense inputs that are 0 where the sparse ones have no entry. NULL: the op itself. In
     * either case a result that is sparse is then set to 0 off its pattern. */
    tl_node *(*dense)(fuzz_world *w, const fuzz_item *c, tl_node *const *in);
    /* Returns whether the op is differentiable around these inputs. NULL: it is everywhere. */
    bool (*smooth)(const fuzz_item *c, tl_node *const *in);
    int32_t optional; /* each of the last inputs, of this number, may be absent */
    bool opaque;      /* its gradient is not its derivative */
    bool composed;    /* of ops, each of which the checking mode checks */
};

/* The table, in parts that each end with an op without a name. */
extern const fuzz_op tl_fuzz_elementwise[], tl_fuzz_rowwise[], tl_fuzz_moves[], tl_fuzz_products[],
    tl_fuzz_windows[], tl_fuzz_losses[], tl_fuzz_compositions[], tl_fuzz_sparse[], tl_fuzz_lookups[];
extern const fuzz_op *tl_fuzz_planted; /* by the self-test; NULL: none */

typedef struct fuzz_variable {
    tl_shape shape;
    tl_pattern *pattern; /* of a sparse one, or the mask */
    bool sparse;
    bool held;      /* by an op, as running moments are: no input, no edit */
    tl_real *start; /* dense, row-major; 0 off the pattern */
} fuzz_variable;

typedef enum fuzz_edit_kind {
    FUZZ_PRUNE,
    FUZZ_GROW,
    FUZZ_REPLACE,
    FUZZ_N_OF_M,
    FUZZ_UNMASK,
    FUZZ_WRITE,
    FUZZ_RATE,
    FUZZ_SWAP_TWICE,
    FUZZ_EDIT_KINDS
} fuzz_edit_kind;

typedef struct fuzz_edit {
    fuzz_edit_kind kind;
    int32_t variable;
    uint64_t seed;
} fuzz_edit;

enum { FUZZ_TRANSFORMS = 2 };
typedef enum fuzz_transform {
    FUZZ_NO_TRANSFORM,
    FUZZ_SCALE,
    FUZZ_CLIP_RANGE,
    FUZZ_FREEZE,
    FUZZ_MASK,
    FUZZ_ROWWISE, /* those before this one do the same to a row-sparse gradient and a dense one */
    FUZZ_CLIP_GLOBAL = FUZZ_ROWWISE,
    FUZZ_CLIP_EACH,
    FUZZ_NOISE,
    FUZZ_CENTRALIZE,
    FUZZ_TRANSFORM_KINDS
} fuzz_transform;

struct fuzz_program {
    int64_t size[4]; /* from which all shapes are made */
    int64_t limit;   /* on the elements of a result */
    bool wild;       /* infinities and NaN among the values */
    bool looked_at;  /* the program reads the weights after each step */
    bool averaged;
    bool has_effects; /* some op changes more than its result */
    fuzz_item item[FUZZ_ITEMS];
    int32_t n, loss;
    fuzz_variable variable[FUZZ_VARIABLES];
    int32_t n_variables;
    tl_pattern *pattern[FUZZ_PATTERNS];
    bool derived[FUZZ_PATTERNS]; /* by an op: another run has an equal one, not the same */
    int32_t n_patterns;
    int32_t optimizer, schedule;
    tl_rows_policy rows;
    tl_non_finite non_finite;
    bool aged;
    fuzz_transform transform[FUZZ_TRANSFORMS];
    tl_pattern *keep; /* for FUZZ_MASK, of variable 0 */
    uint64_t asked;   /* bit i % 64: on a graph for inference, the value of item i is asked for at once */
    bool checked;     /* tl_gradcheck is called */
    int32_t steps;
    fuzz_edit edit[FUZZ_STEPS][FUZZ_EDITS];
    void *blocks;        /* of tl_fuzz_block */
    fuzz_world *first;   /* the run in which it is drawn */
    tl_status status;    /* TL_ERR_MEMORY: the input is given up */
    bool smooth, opaque; /* the first, and not the second: gradients are derivatives */

    /* Of the first step: */
    tl_status backward;
    bool gradients_finite;             /* those of all items */
    bool row_sparse;                   /* some gradient */
    tl_real *gradient[FUZZ_VARIABLES]; /* dense; NULL: none */
};

/* ---- draw.c ---- */

/* Set the bytes to draw from; return a number below n, 0 after the last byte; one that is true one time in n;
 * and 64 bits. */
void tl_fuzz_bytes(const uint8_t *bytes, size_t n);
int64_t tl_fuzz_draw(int64_t n);
bool tl_fuzz_rarely(int64_t n);
uint64_t tl_fuzz_seed_of_values(void);

/* Returns n elements of `size` bytes, zeros, which the program frees. */
void *tl_fuzz_block(fuzz_program *p, int64_t n, size_t size);

/* Returns n values of magnitude 0.2 to 1.2, in a wild program also some that are not finite. */
tl_real *tl_fuzz_values(fuzz_program *p, int64_t n);

/* Returns a matrix's values with zeros off the pattern. */
tl_real *tl_fuzz_expand(fuzz_program *p, const tl_pattern *on, const tl_real *values);

/* Returns the pattern, which the program then owns. NULL: memory is short, and the program given up. Derived:
 * by an op, so that no leaf may have it. */
tl_pattern *tl_fuzz_own(fuzz_program *p, tl_pattern *pattern, bool derived);

/* Return a pattern of these sizes, one that is there or a new one; NULL if memory is short. */
tl_pattern *tl_fuzz_pattern(fuzz_program *p, int64_t rows, int64_t cols);

/* Return a size, and a shape with this rank. */
int64_t tl_fuzz_size(const fuzz_program *p);
tl_shape tl_fuzz_shape(const fuzz_program *p, int32_t rank);

typedef enum fuzz_kind { FUZZ_DENSE, FUZZ_SPARSE, FUZZ_EITHER } fuzz_kind;

/* Return an item: one with a rank in these bounds; one with this shape and, unless that is NULL, on this
 * pattern. -1 if there is no space for another. */
int32_t tl_fuzz_pick(fuzz_program *p, fuzz_kind kind, int32_t least_rank, int32_t most_rank);
int32_t tl_fuzz_want(fuzz_program *p, fuzz_kind kind, tl_shape shape, tl_pattern *on);

/* Returns a variable of this shape, a leaf. */
int32_t tl_fuzz_table(fuzz_program *p, tl_shape shape);

/* Adds a variable. -1 if there is no space. */
int32_t tl_fuzz_add_variable(fuzz_program *p, fuzz_variable v);

/* Draw functions: any input; one that is dense; a dense one that has rows. */
bool tl_fuzz_any(fuzz_program *p, fuzz_item *c);
bool tl_fuzz_dense(fuzz_program *p, fuzz_item *c);
bool tl_fuzz_rows(fuzz_program *p, fuzz_item *c);

/* Returns a shape that broadcasts to this one. */
tl_shape tl_fuzz_lesser(tl_shape s);

/* Returns a number of small magnitude: 0, 1 and others. */
double tl_fuzz_number(void);

/* Returns false, for an op whose kinks are too many to look for. */
bool tl_fuzz_nowhere(const fuzz_item *c, tl_node *const *in);

/* ---- program.c ---- */

/* Draws a program while its first step is recorded in *w, which gets its variables and optimizer. */
void tl_fuzz_draw_program(fuzz_program *p, fuzz_world *w);
void tl_fuzz_program_free(fuzz_program *p);

/* Returns entry k of the table; NULL after the last. */
const fuzz_op *tl_fuzz_op(int32_t k);

/* Adds an item and runs it in the first run. -1: no space, or the program is given up. */
int32_t tl_fuzz_add(fuzz_program *p, const fuzz_item *c);

/* Adds a call of the op with this name, one input and a constant. */
int32_t tl_fuzz_add_call(fuzz_program *p, const char *name, int32_t a, double c);

/* Returns an item like a that is positive, at least 1/2. */
int32_t tl_fuzz_positive(fuzz_program *p, int32_t a);

/* ---- world.c ---- */

/* What a run leaves behind: hashes of values, by step, kind and number; 0: none. */
typedef enum fuzz_trace_kind {
    FUZZ_VALUE,
    FUZZ_GRADIENT,
    FUZZ_WEIGHTS,
    FUZZ_SLOTS,
    FUZZ_AVERAGE,
    FUZZ_STATUS,
    FUZZ_TRACE_KINDS
} fuzz_trace_kind;

typedef struct fuzz_trace {
    uint64_t hash[FUZZ_STEPS][FUZZ_TRACE_KINDS][FUZZ_ITEMS];
} fuzz_trace;

struct fuzz_world {
    fuzz_program *p;
    const char *name;
    bool dense;     /* no sparse node, variable or row-sparse gradient */
    bool densified; /* row-sparse gradients are made dense before a step */
    bool minimize;  /* by tl_minimize */
    bool misused;   /* calls in between must fail */
    int32_t step;
    tl_graph *g;
    tl_variable *variable[FUZZ_VARIABLES];
    tl_optimizer *optimizer;
    tl_ema *average;
    tl_node *node[FUZZ_ITEMS];
    fuzz_trace *trace;
    double factor;
    tl_clip_range range;
    tl_clip clip;
    tl_noise noise;
    tl_frozen frozen;
    tl_gradient_mask mask;
    tl_gradient_masks masks;
};

/* Make a world with the variables that the program has, and its optimizer; TL_ERR_MEMORY. */
tl_status tl_fuzz_world_init(fuzz_world *w, fuzz_program *p, const char *name, tl_graph *g);
tl_status tl_fuzz_world_optimizer(fuzz_world *w);
tl_status tl_fuzz_world_variable(fuzz_world *w, int32_t k);
void tl_fuzz_world_free(fuzz_world *w);

/* Records item i, whose inputs are there, in w->node[i]; all items. */
tl_node *tl_fuzz_record(fuzz_world *w, int32_t i);
void tl_fuzz_record_all(fuzz_world *w);

/* Calls an item's op. */
tl_node *tl_fuzz_call(fuzz_world *w, const fuzz_item *c, tl_node *const *in);

/* Returns a hash of the variables, the slots and the averages. */
uint64_t tl_fuzz_state(fuzz_world *w);

/* Put into the trace a hash of n values; hashes of all that tl_fuzz_state hashes. */
void tl_fuzz_note(fuzz_world *w, fuzz_trace_kind kind, int32_t k, int64_t n, const tl_real *values);
void tl_fuzz_note_state(fuzz_world *w);

/* Ends the program with a finding, after printing the graph. */
_Noreturn void tl_fuzz_found(const fuzz_world *w, const char *format, ...) TL_PRINTF(2, 3);

/* ---- steps.c ---- */

/* Runs all steps; `recorded`: the first one is recorded already. TL_OK also if steps fail as they may;
 * TL_ERR_MEMORY. */
tl_status tl_fuzz_run(fuzz_world *w, bool recorded);

/* ---- misuse.c ---- */

/* Make calls that fail: of an op on w's graph, which has failed then; of functions that change variables. */
tl_status tl_fuzz_misuse_op(fuzz_world *w);
tl_status tl_fuzz_misuse_state(fuzz_world *w);

/* ---- compare.c ---- */

/* Runs the program, which has run in `first`, in the other ways. TL_OK, or TL_ERR_MEMORY. */
tl_status tl_fuzz_compare(fuzz_program *p, const fuzz_world *first);

/* ---- sparse.c ---- */

/* Returns A where `keep` has an entry, elsewhere `other`: a constant there. */
tl_node *tl_fuzz_select(tl_node *a, const tl_pattern *keep, double other);

#endif
