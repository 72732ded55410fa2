/* Printing of graphs, as text and as a picture. */
#ifndef TL_DUMP_H
#define TL_DUMP_H

#include <stdio.h>

#include "graph.h"

/* Prints one node per line, "%4 = reduce_sum(%3), axis = 1 : 32x128", with the attributes that ops describe
 * (describe.h), and names and densities of variables; if the graph has failed, also the op that failed, "%5 =
 * mul(%2, %4) : failed", and the error. TL_ERR_ARGUMENT for NULL, TL_ERR_IO if writing fails. */
TL_API tl_status tl_graph_print(const tl_graph *g, FILE *out);

/* Prints the same as a Graphviz digraph, for `dot -Tsvg`. Errors as above. */
TL_API tl_status tl_graph_dot(const tl_graph *g, FILE *out);

#endif
