/* Pictures of graphs. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "papers.h"

/* Draws the graph into an SVG file: a node has the colour of the class that was found, nodes that are known
 * are squares, and a dark ring marks a class that is wrong. False with the reason in tl_error(). */
bool draw_graph(const papers *p, const int32_t *found, uint64_t seed, const char *path);

#endif
