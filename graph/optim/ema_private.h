/* Averages as companions. */
#ifndef TL_EMA_PRIVATE_H
#define TL_EMA_PRIVATE_H

#include "ema.h"
#include "graph/variable/variable_private.h"

typedef struct tl_average {
    tl_companion companion; /* first: the variable's list leads here; its only array is the average */
    tl_ema *ema;
    int64_t step;            /* updates so far: fewer than ema's if the variable was added later */
    struct tl_average *next; /* in the list of ema */
} tl_average;

struct tl_ema {
    tl_ema_options o;
    int64_t step; /* updates so far */
    bool swapped;
    tl_average *first;
};

/* The class of averages as companions. */
extern const tl_companion_class tl_average_class;

#endif
