/* The graph for people to look at. */
#ifndef TL_DUMP_H
#define TL_DUMP_H

#include <stdio.h>

#include "graph.h"

/* One node a line: "%4 = relu(%3) : 32x128", with variables' names and densities, and the error if there
 * is one. TL_ERR_IO if writing fails. */
TL_API tl_status tl_graph_print(const tl_graph *g, FILE *out);

/* The same as a Graphviz digraph, for `dot -Tsvg`. */
TL_API tl_status tl_graph_dot(const tl_graph *g, FILE *out);

#endif
