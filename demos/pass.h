/* A pass over the training images, in random order and batch by batch:
 *
 *     pass p;
 *     bool ok = pass_begin(&p, d, batch, rng);
 *     while (ok && pass_next(&p))
 *         ok = pass_step(&p, optimizer, loss_of(p.graph, p.image, p.label, p.n));
 *     pass_free(&p);
 */
#ifndef PASS_H
#define PASS_H

#include "digits.h"
#include "ranks.h"

typedef struct pass {
    const digits *d;
    int64_t batch, steps; /* images in a step but the last; steps in a pass */
    int64_t step;         /* the number of steps that were made */
    tl_graph *graph;      /* of one step */
    int64_t n;            /* images in this step */
    tl_real *image;
    int32_t *label;
    int32_t *order; /* of all images */
    double loss;    /* the sum over the images so far */
    double start, *ms;
} pass;

/* Returns the number of steps in a pass. */
int64_t pass_steps(const digits *d, int64_t batch);

/* Draws the order. Returns false with the reason in tl_error(); pass_free must still be called. */
bool pass_begin(pass *p, const digits *d, int64_t batch, tl_random *rng);
void pass_free(pass *p);

/* Gathers the next batch. Returns false after the last. */
bool pass_next(pass *p);

/* Minimizes the loss of the batch, and resets the graph. Returns false with the reason in tl_error(). */
bool pass_step(pass *p, tl_optimizer *o, tl_node *loss);

/* The same in the parts that `by` cuts the batch into. */
bool pass_step_by(pass *p, ranks *by, tl_optimizer *o, loss_function *loss_of, void *context);

/* Return, after a pass, the mean loss, and the median over the steps of their time, from pass_next on. */
double pass_loss(const pass *p);
double pass_ms(const pass *p);

#endif
