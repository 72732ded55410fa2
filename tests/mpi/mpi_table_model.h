/* A model with tables that are shared out. */
#ifndef TL_MPI_TABLE_MODEL_H
#define TL_MPI_TABLE_MODEL_H

#include "mpi_outcomes.h"

enum { ROWS = 10, WIDTH = 3, SAMPLES = 4 };

typedef struct model {
    tl_mpi *m;
    tl_variable *table, *other, *plain;
    tl_optimizer *optimizer;
    tl_checkpoint *list;
    tl_graph *g;
} model;

/* Makes what does not talk. */
static inline void make_local(model *t)
{
    *t = (model){ .g = tl_graph_new(), .optimizer = tl_adam((tl_adam_options){ 0 }) };
    t->plain = tl_variable_dense("plain", TL_SHAPE(ROWS, WIDTH));
    t->list = tl_checkpoint_new();
}

static inline tl_status make_tables(model *t)
{
    if (!(t->m = tl_mpi_new(MPI_COMM_WORLD, ranks)) ||
        !(t->table = tl_mpi_table(t->m, "table", ROWS, WIDTH, TL_DIV)) ||
        !(t->other = tl_mpi_table(t->m, "other", ROWS, WIDTH, TL_MOD)))
        return tl_last_status();
    return tl_mpi_broadcast(t->m, &t->plain, 1, NULL);
}

static inline void make_model(model *t)
{
    make_local(t);
    check_ok(make_tables(t));
    check_ok(tl_mpi_init_normal(t->m, t->table, 0, 1, &(tl_random){ .seed = 1 }));
    check_ok(tl_checkpoint_add_variable(t->list, t->table));
    check_ok(tl_checkpoint_add_variable(t->list, t->other));
    check_ok(tl_checkpoint_add_variable(t->list, t->plain));
    check_ok(tl_checkpoint_add_optimizer(t->list, "adam", t->optimizer));
}

static inline void free_model(model *t)
{
    tl_checkpoint_free(t->list);
    tl_mpi_free(t->m);
    tl_optimizer_free(t->optimizer);
    tl_graph_free(t->g);
    tl_variable_free(t->table);
    tl_variable_free(t->other);
    tl_variable_free(t->plain);
}

/* The sum of the squares: of no rows, too. */
static inline tl_node *loss_of(tl_node *y)
{
    return tl_reduce_sum(tl_reduce_sum(tl_square(y), 1), 0);
}

#endif
