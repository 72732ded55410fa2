/* The tape: operations run as they are called and are recorded; tl_backward (gradient.h) walks them back. */
#ifndef TL_GRAPH_H
#define TL_GRAPH_H

#include "variable.h"

/* Errors are sticky: an op that fails returns NULL and leaves its message in the graph; every op accepts
 * NULL and passes it on; the first message stays until the reset. So a model is written without checks,
 * and tl_backward or tl_minimize tells once a step. A graph belongs to one thread at a time. */
typedef struct tl_graph tl_graph;

/* A result on the tape, owned by the graph and gone with the reset. */
typedef struct tl_node tl_node;

/* NULL if memory is short. */
TL_API tl_graph *tl_graph_new(void);

/* Drops every node and the error, and keeps the memory for the next step. NULL is ignored. */
TL_API void tl_graph_reset(tl_graph *g);

/* The same, and gives the memory back. NULL is ignored. */
TL_API void tl_graph_free(tl_graph *g);

/* The first failure since the reset: TL_OK and "" if there was none. */
TL_API tl_status tl_graph_status(const tl_graph *g);
TL_API const char *tl_graph_error(const tl_graph *g);

/* Bytes of memory that the graph holds for its steps. */
TL_API int64_t tl_graph_bytes(const tl_graph *g);

/* The variable as a leaf; the same node at every call, so that shared uses share a gradient. The node
 * reads the variable's own memory. */
TL_API tl_node *tl_use(tl_graph *g, tl_variable *v);

/* A constant. `data`, row-major, is borrowed until the reset. */
TL_API tl_node *tl_input(tl_graph *g, tl_shape shape, const tl_real *data);

/* A sparse constant: values[nnz] of the pattern, borrowed until the reset. */
TL_API tl_node *tl_input_sparse(tl_graph *g, tl_pattern *p, const tl_real *values);

/* What a node holds: its values (nnz of them if sparse); its gradient after a backward pass that wanted
 * one, else NULL (tl_minimize keeps those of variables only; a row-sparse one is in its pair only). NULL for
 * a NULL node, whose shape is a scalar's. */
TL_API const tl_real *tl_value(const tl_node *a);
TL_API const tl_real *tl_grad(const tl_node *a);
TL_API tl_shape tl_shape_of(const tl_node *a);

/* The pattern of a sparse node, owned by the graph (retain it to keep it); NULL for a dense or NULL node. */
TL_API tl_pattern *tl_pattern_of(const tl_node *a);

#endif
