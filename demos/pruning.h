/* How many connections a network keeps in the course of its training. */
#ifndef PRUNING_H
#define PRUNING_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pruning {
    double density; /* what is kept in the end, 0 to 1 */
    int64_t begin, end,
        every; /* steps: removals are `every` steps apart from begin on, and the last at end */
} pruning;

/* Returns the density after a number of steps: 1 before begin, then d + (1 - d) (1 - x)^3, where x goes from
 * 0 at begin to 1 at end. Most connections go early, while they are many and training can make up for them
 * (Zhu and Gupta 2017, "To prune, or not to prune"). If begin is end, all go at once. */
double pruning_density(const pruning *p, int64_t steps);

/* Tells whether connections are to be removed after this number of steps. */
bool pruning_is_due(const pruning *p, int64_t steps);

#endif
