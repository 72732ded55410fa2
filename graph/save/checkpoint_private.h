/* The list of a checkpoint. */
#ifndef TL_CHECKPOINT_PRIVATE_H
#define TL_CHECKPOINT_PRIVATE_H

#include "checkpoint.h"
#include "graph/optim/ema_private.h"
#include "graph/optim/slots.h"

#define TL_CHECKPOINT_MAJOR 1 /* of the format; a note may add a minor version after a point */

typedef enum tl_entry_kind {
    TL_ENTRY_VARIABLE,
    TL_ENTRY_OPTIMIZER,
    TL_ENTRY_RANDOM,
    TL_ENTRY_INTEGER,
    TL_ENTRY_NUMBER
} tl_entry_kind;

typedef struct tl_entry {
    tl_entry_kind kind;
    char *name; /* a variable's: NULL, as it has its own */
    union {
        void *object;
        tl_variable *variable;
        tl_optimizer *optimizer;
        tl_random *random;
        int64_t *integer;
        double *number;
    };
} tl_entry;

enum { TL_WARNINGS_SIZE = 1000 };

struct tl_checkpoint {
    int32_t n, capacity;
    tl_entry *entry;
    char warnings[TL_WARNINGS_SIZE]; /* of the last load */
};

/* Returns the name that an entry has in the file. */
const char *tl_entry_name(const tl_entry *e);

/* As tl_checkpoint_add_variable, with an error text that begins with `who`. */
tl_status tl_checkpoint_add_variable_as(const char *who, tl_checkpoint *c, tl_variable *v);

/* Checks, for `who`, that names are there and differ, that optimizers have slots for variables of the list
 * only, and that no averages are swapped in. TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
tl_status tl_checkpoint_check(const tl_checkpoint *c, const char *who);

/* The first and the last of these checks. */
tl_status tl_checkpoint_check_names(const tl_checkpoint *c, const char *who);
tl_status tl_checkpoint_check_averages(const tl_checkpoint *c, const char *who);

/* The common options, by name: their names do not change any more. */
extern const tl_option tl_common_fields[];

/* Returns the value of a field. */
double tl_option_value(const tl_option *field, const void *options);

/* Returns the number of the averages of v, and the k-th, the oldest first. */
int32_t tl_count_averages(const tl_variable *v);
tl_average *tl_average_of(const tl_variable *v, int32_t k);

#endif
