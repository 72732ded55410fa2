/* The tape: operations run when they are called and are recorded; tl_backward (gradient.h) walks the record
 * back. */
#ifndef TL_GRAPH_H
#define TL_GRAPH_H

#include "variable.h"

/* Errors are sticky. An op that fails returns NULL and leaves its message in the graph, every op accepts NULL
 * and returns NULL, and the first message stays until the reset. A model is therefore written without checks,
 * and tl_backward or tl_minimize reports the failure once per step. A graph belongs to one thread at a
 * time. */
typedef struct tl_graph tl_graph;

/* A result on the tape. Owned by the graph; gone with the reset. */
typedef struct tl_node tl_node;

/* Returns an empty graph; NULL if memory is short. */
TL_API tl_graph *tl_graph_new(void) TL_REAL_SYMBOL(tl_graph_new);

/* Drops all nodes and the error, and keeps the memory for the next step. NULL is ignored. */
TL_API void tl_graph_reset(tl_graph *g);

/* Drops all nodes and frees the graph. NULL is ignored. */
TL_API void tl_graph_free(tl_graph *g);

/* Return the first failure since the reset: TL_OK and "" if there was none. */
TL_API tl_status tl_graph_status(const tl_graph *g);
TL_API const char *tl_graph_error(const tl_graph *g);

/* Returns the bytes that the graph holds for its steps. */
TL_API int64_t tl_graph_bytes(const tl_graph *g);

/* Returns the variable as a leaf: the same node at every call, so that all uses share a gradient. The node
 * reads the variable's own memory. */
TL_API tl_node *tl_use(tl_graph *g, tl_variable *v);

/* Returns a constant. `data`, row-major, is borrowed until the reset. TL_ERR_SHAPE, TL_ERR_ARGUMENT. */
TL_API tl_node *tl_input(tl_graph *g, tl_shape shape, const tl_real *data) TL_REAL_SYMBOL(tl_input);

/* Returns a sparse constant. values[nnz], in the order of the pattern, are borrowed until the reset. */
TL_API tl_node *tl_input_sparse(tl_graph *g, tl_pattern *p, const tl_real *values)
    TL_REAL_SYMBOL(tl_input_sparse);

/* Return the values of a node (nnz of them if it is sparse), its gradient and its shape. The gradient is NULL
 * unless a backward pass computed it: tl_minimize keeps those of variables only, and a row-sparse gradient is
 * in its pair only. A NULL node has NULL values and the shape of a scalar. */
TL_API const tl_real *tl_value(const tl_node *a) TL_REAL_SYMBOL(tl_value);
TL_API const tl_real *tl_grad(const tl_node *a) TL_REAL_SYMBOL(tl_grad);
TL_API tl_shape tl_shape_of(const tl_node *a);

/* Returns the pattern of a sparse node, owned by the graph (retain it to keep it); NULL if it is dense or
 * NULL. */
TL_API tl_pattern *tl_pattern_of(const tl_node *a);

#endif
