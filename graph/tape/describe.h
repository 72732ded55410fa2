/* What ops state of themselves, for dumps and exporters: a standard name and attributes. */
#ifndef TL_DESCRIBE_H
#define TL_DESCRIBE_H

#include "op.h"

/* A receiver of a description. Functions that are NULL are not called. Texts are valid during the call
 * only. */
struct tl_description {
    void *context; /* handed to each function */
    void (*name)(void *context, const char *name);
    void (*integer)(void *context, const char *attribute, int64_t value);
    void (*number)(void *context, const char *attribute, double value);
    void (*boolean)(void *context, const char *attribute, bool value);
    void (*text)(void *context, const char *attribute, const char *value);
    void (*shape)(void *context, const char *attribute, tl_shape value);
};

/* ---- For an op's `describe` ----
 *
 *     static void describe(const tl_node *y, tl_description *to)
 *     {
 *         tl_describe_name(to, "LeakyRelu");
 *         tl_describe_number(to, "alpha", (double)*(const tl_real *)y->attr);
 *     }
 *
 * The node may be one whose `shape` failed, which tl_graph_print shows, too: the attributes are then as the
 * caller gave them, so arrays that they point to may be gone, and y->out is NULL. Only where it is not, shape
 * and scratch are there. */

/* States the ONNX operator that computes the same from the same inputs, up to the form of the attributes. */
TL_API void tl_describe_name(tl_description *to, const char *name);

/* State an attribute. */
TL_API void tl_describe_integer(tl_description *to, const char *attribute, int64_t value);
TL_API void tl_describe_number(tl_description *to, const char *attribute, double value);
TL_API void tl_describe_boolean(tl_description *to, const char *attribute, bool value);
TL_API void tl_describe_text(tl_description *to, const char *attribute, const char *value);
TL_API void tl_describe_shape(tl_description *to, const char *attribute, tl_shape value);

/* ---- For exporters ----
 *
 *     for (const tl_node *a = tl_graph_first(g); a; a = tl_node_next(a))
 *         if (a->op)
 *             write_op(file, tl_node_number(a), a->op->name, a->n_in, a->in);
 *
 * The inputs of a node come before it. A leaf has no op; tl_variable_of tells a variable from a constant. */

/* Return the first node of a graph, and the node that was recorded after a; NULL if there is none, or for
 * NULL. */
TL_API tl_node *tl_graph_first(const tl_graph *g);
TL_API tl_node *tl_node_next(const tl_node *a);

/* Returns the position of a node in its graph, from 0, as tl_graph_print has it; -1 for NULL. */
TL_API int32_t tl_node_number(const tl_node *a);

/* Returns the variable of a leaf; NULL for a constant, the result of an op, or NULL. */
TL_API tl_variable *tl_variable_of(const tl_node *a);

/* Hands the description of a node to `to`: nothing for a leaf or an op without `describe`. TL_ERR_ARGUMENT
 * for NULL. */
TL_API tl_status tl_node_describe(const tl_node *a, tl_description *to);

#endif
