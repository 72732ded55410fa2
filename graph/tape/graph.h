/* The tape: an op runs when it is called, and is recorded; tl_backward (gradient.h) walks the record in
 * reverse. */
#ifndef TL_GRAPH_H
#define TL_GRAPH_H

#include "variable.h"

/* Errors are sticky. An op that fails returns NULL and leaves its message in the graph, every op accepts NULL
 * and returns NULL, and the first message stays until the reset. A model is therefore written without checks,
 * and tl_backward or tl_minimize reports the failure once per step; tl_graph_print (dump.h) then shows the op
 * that failed, and its inputs. A graph belongs to one thread at a time. */
typedef struct tl_graph tl_graph;

/* A result on the tape. Owned by the graph, and valid until its reset. */
typedef struct tl_node tl_node;

/* Returns an empty graph, which the caller frees; NULL if memory is short. */
TL_API tl_graph *tl_graph_new(void) TL_REAL_SYMBOL(tl_graph_new);

/* Returns an empty graph for inference, NULL if memory is short. The same ops give the same bits as on a
 * tape, in memory for the values that are still needed: an evaluation of a chain of layers holds two of them.
 * In return there are no derivatives (TL_ERR_ARGUMENT from tl_backward, tl_minimize, tl_derivative).
 *
 *     tl_graph *g = tl_graph_new_inference();
 *     const tl_real *p = tl_value(model(g, x));
 *     ...
 *     tl_graph_reset(g);
 *
 * An op checks its inputs when it is called, and runs later: tl_value of a node runs all ops recorded up to
 * it that have not run, in the order of the calls. When the last recorded op that reads a node has run, the
 * node's values are given up, unless tl_value was called for it: what that returns is valid until the reset,
 * as on a tape. So any number of ops may read a node if they are called before tl_value is. To use one again
 * afterwards, call tl_value for it before calling it for what depends on it: the use of a node that was given
 * up is an error (TL_ERR_ARGUMENT), never a wrong value.
 *
 * Between the call of an op and tl_value, the variables and arrays that it reads must not change: steps,
 * loads and new patterns are noticed (TL_ERR_ARGUMENT), what the program writes is not. Ops that do more than
 * compute a value (tl_dropout draws random numbers) run when they are called, with all before them; what
 * these computed is given up at the next tl_value. */
TL_API tl_graph *tl_graph_new_inference(void) TL_REAL_SYMBOL(tl_graph_new_inference);

/* Drops all nodes and the error, and keeps the memory for the next step. NULL is ignored. */
TL_API void tl_graph_reset(tl_graph *g);

/* The same, but gives memory back until the graph holds at most `bytes`: after an evaluation on large
 * batches, for example, which would otherwise be kept for steps that do not need it. Blocks are given back in
 * the order opposite to that in which they were allocated, so that with the bytes that training took before
 * it allocates nothing after it. Patterns that ops derived from others (tl_sparse_add) are not among the
 * bytes: a reset, and so this call, drops those that the step just ended did not use. Nothing is kept for 0
 * or less.
 *
 *     const int64_t bytes = tl_graph_bytes(g);
 *     evaluate(g);
 *     tl_graph_trim(g, bytes); */
TL_API void tl_graph_trim(tl_graph *g, int64_t bytes);

/* Drops all nodes and frees the graph. NULL is ignored. */
TL_API void tl_graph_free(tl_graph *g);

/* Return the status and the message of the first failure since the reset: TL_OK and "" if there was none,
 * TL_ERR_ARGUMENT if g is NULL. */
TL_API tl_status tl_graph_status(const tl_graph *g);
TL_API const char *tl_graph_error(const tl_graph *g);

/* Switches the checking mode on or off, from the next op on: off unless the environment variable
 * TULLE_CHECK_FINITE is 1 when the process makes its first graph. In this mode the first op whose output, or
 * a gradient that it adds to, is not finite fails the step with TL_ERR_NUMERIC, and the message names the op,
 * its inputs, the element and its value: "log: the output is not finite: y[3] = -inf, of input 0 (w, 3x4)".
 * -Inf that excludes elements from a softmax is no fault: that of tl_tril, tl_pad and constants, and what
 * ops make of it. The mode takes a pass over every array; without it a step costs nothing more. A reset keeps
 * it. NULL: ignored. (PyTorch: autograd.set_detect_anomaly; TensorFlow: debugging.enable_check_numerics.) */
TL_API void tl_graph_check_finite(tl_graph *g, bool on);

/* Returns the bytes of the memory that the graph keeps from step to step. */
TL_API int64_t tl_graph_bytes(const tl_graph *g);

/* Returns the variable as a leaf: the same node at every call, so that all uses share a gradient. The node
 * reads the variable's own memory. NULL, with the error in the graph: TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
TL_API tl_node *tl_use(tl_graph *g, tl_variable *v);

/* Return a constant. `data`, row-major, is borrowed until the reset by tl_input, and copied by tl_constant.
 * NULL, with the error in the graph: TL_ERR_SHAPE, TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
TL_API tl_node *tl_input(tl_graph *g, tl_shape shape, const tl_real *data) TL_REAL_SYMBOL(tl_input);
TL_API tl_node *tl_constant(tl_graph *g, tl_shape shape, const tl_real *data) TL_REAL_SYMBOL(tl_constant);

/* Returns a sparse constant. values[nnz], in the order of the pattern, are borrowed until the reset, and p is
 * retained. NULL, with the error in the graph: TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
TL_API tl_node *tl_input_sparse(tl_graph *g, tl_pattern *p, const tl_real *values)
    TL_REAL_SYMBOL(tl_input_sparse);

/* Return the values of a node (nnz of them if it is sparse), its gradient and its shape. The gradient is NULL
 * unless the last backward pass computed it: tl_minimize keeps those of variables only, and a row-sparse
 * gradient is stored only in its pair. For a NULL node: NULL, NULL and the shape of a scalar. On a graph for
 * inference tl_value runs ops, and returns NULL, with the error in the graph, if that fails. */
TL_API const tl_real *tl_value(const tl_node *a) TL_REAL_SYMBOL(tl_value);
TL_API const tl_real *tl_grad(const tl_node *a) TL_REAL_SYMBOL(tl_grad);
TL_API tl_shape tl_shape_of(const tl_node *a);

/* Returns the pattern of a sparse node, owned by the graph (retain it to keep it); NULL if it is dense or
 * NULL. */
TL_API tl_pattern *tl_pattern_of(const tl_node *a);

#endif
