/* Places the nodes by forces (Fruchterman and Reingold 1991): edges attract, all nodes repel each other, and
 * all are drawn to the centre. */
#include "layout.h"
#include "demo.h"
#include "svg.h"

#include <math.h>
#include <stdlib.h>

enum { SIZE = 640, MARGIN = 24, ROUNDS = 150 };

typedef struct point {
    double x, y;
} point;

/* Adds to force[i] what acts on node i. The forces along an edge balance at a distance of 1. */
static void add_forces(const papers *p, const point *at, int64_t i, point *force)
{
    const tl_csr e = tl_pattern_csr(p->edges);
    *force = (point){ -0.3 * at[i].x, -0.3 * at[i].y };
    for (int64_t j = 0; j < p->n; j++) {
        const double x = at[i].x - at[j].x, y = at[i].y - at[j].y, square = x * x + y * y + 1e-4;
        if (j != i) {
            force->x += x / square;
            force->y += y / square;
        }
    }
    for (int64_t k = e.row_ptr[i]; k < e.row_ptr[i + 1]; k++) {
        force->x += at[e.col[k]].x - at[i].x;
        force->y += at[e.col[k]].y - at[i].y;
    }
}

/* Moves each node along its force, by a step that shrinks. */
static void place_nodes(const papers *p, uint64_t seed, point *at, point *force)
{
    tl_random rng = { .seed = seed };
    const double radius = sqrt((double)p->n);
    for (int64_t i = 0; i < p->n; i++)
        at[i] = (point){ radius * (tl_random_uniform(&rng) - 0.5), radius * (tl_random_uniform(&rng) - 0.5) };
    for (int round = 0; round < ROUNDS; round++) {
        const double most = 0.2 * radius * (1 - (double)round / ROUNDS);
        progress("drawing: round %d of %d", round + 1, ROUNDS);
        for (int64_t i = 0; i < p->n; i++)
            add_forces(p, at, i, &force[i]);
        for (int64_t i = 0; i < p->n; i++) {
            const double length = sqrt(force[i].x * force[i].x + force[i].y * force[i].y);
            const double part = length > most ? most / length : 1;
            at[i].x += 0.5 * part * force[i].x;
            at[i].y += 0.5 * part * force[i].y;
        }
    }
    progress_clear();
}

/* Moves the points to the middle of the picture, and scales them to it. */
static void fit(int64_t n, point *at)
{
    point low = at[0], high = at[0];
    for (int64_t i = 0; i < n; i++) {
        low = (point){ fmin(low.x, at[i].x), fmin(low.y, at[i].y) };
        high = (point){ fmax(high.x, at[i].x), fmax(high.y, at[i].y) };
    }
    const double scale = (SIZE - 2 * MARGIN) / fmax(fmax(high.x - low.x, high.y - low.y), 1e-9);
    for (int64_t i = 0; i < n; i++) {
        at[i].x = SIZE / 2.0 + (at[i].x - (low.x + high.x) / 2) * scale;
        at[i].y = SIZE / 2.0 + (at[i].y - (low.y + high.y) / 2) * scale;
    }
}

static void draw_node(svg *s, point at, double radius, const char *colour, bool known, bool wrong)
{
    const char *ring = wrong ? "#222" : "white";
    if (known)
        svg_print(s, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" ", at.x - radius,
                  at.y - radius, 2 * radius, 2 * radius);
    else
        svg_print(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" ", at.x, at.y, radius);
    svg_print(s, "fill=\"%s\" stroke=\"%s\" stroke-width=\"%.1f\"/>\n", colour, ring,
              wrong ? radius / 2 : radius / 8);
}

static bool draw(const papers *p, const int32_t *found, const point *at, const bool *known, const char *path)
{
    svg s;
    const tl_csr e = tl_pattern_csr(p->edges);
    const double radius = p->n < 100 ? 8 : 2.5;
    if (!svg_open(&s, path, SIZE, SIZE))
        return false;
    svg_print(&s, "<path stroke=\"#bbb\" stroke-width=\"%g\" fill=\"none\" d=\"", p->n < 100 ? 1.2 : 0.3);
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t k = e.row_ptr[i]; k < e.row_ptr[i + 1]; k++)
            if (e.col[k] > i)
                svg_print(&s, "M%.1f %.1fL%.1f %.1f", at[i].x, at[i].y, at[e.col[k]].x, at[e.col[k]].y);
    svg_print(&s, "\"/>\n");
    for (int64_t i = 0; i < p->n; i++)
        draw_node(&s, at[i], radius, svg_colour(found[i]), known[i], found[i] != p->label[i]);
    return svg_close(&s);
}

bool draw_graph(const papers *p, const int32_t *found, uint64_t seed, const char *path)
{
    point *at = allocate(p->n, sizeof *at), *force = allocate(p->n, sizeof *force);
    bool *known = allocate(p->n, sizeof *known), ok = at && force && known;
    if (ok) {
        for (int64_t k = 0; k < p->train.n; k++)
            known[p->train.node[k]] = true;
        place_nodes(p, seed, at, force);
        fit(p->n, at);
        ok = draw(p, found, at, known, path);
    }
    free(at);
    free(force);
    free(known);
    return ok;
}
