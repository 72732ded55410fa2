/* The optimizers and learning-rate schedules that a network can be trained by. */
#ifndef OPTIMIZERS_H
#define OPTIMIZERS_H

#include <tulle/tulle.h>

typedef struct optimizer_kind {
    const char *name;
    double learning_rate; /* default */
    tl_optimizer *(*make)(double learning_rate);
    const char *note; /* NULL: none */
} optimizer_kind;

extern const optimizer_kind optimizers[]; /* ends with one without a name */

/* A schedule over all `steps` steps of a run. */
typedef struct schedule_kind {
    const char *name, *what;
    double (*rate)(int64_t step, int64_t steps, double learning_rate); /* NULL: constant */
} schedule_kind;

extern const schedule_kind schedules[]; /* ends with one without a name */

/* The schedule of a run, and the number of its steps. */
typedef struct course {
    const schedule_kind *schedule;
    int64_t steps;
} course;

/* Returns an optimizer, or NULL with the reason in tl_error(). The course is borrowed. */
tl_optimizer *make_optimizer(const optimizer_kind *kind, double learning_rate, const course *c);

#endif
