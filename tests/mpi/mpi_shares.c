/* A checkpoint of a table that is shared out, read with another split: values, slots, ages of weights and
 * averages follow the rows, so that the run goes on to the same bits. */
#include "mpi_testing.h"

enum { ROWS = 13, WIDTH = 2, PARTS = 4, SAMPLES = 3, STEPS = 4, SAVED_AT = 2 };

typedef struct run {
    tl_mpi *m;
    tl_variable *share, *plain;
    tl_optimizer *adam;
    tl_ema *ema;
    tl_checkpoint *list;
    tl_graph *g;
} run;

static void begin(run *r, tl_partition split)
{
    *r = (run){ .m = tl_mpi_new(MPI_COMM_WORLD, PARTS), .g = tl_graph_new(), .list = tl_checkpoint_new() };
    r->share = tl_mpi_table(r->m, "t", ROWS, WIDTH, split);
    r->plain = tl_variable_dense("a/t", TL_SHAPE(WIDTH)); /* its name ends in the other's */
    r->adam = tl_adam((tl_adam_options){ .learning_rate = 0.1, .per_weight_age = true });
    r->ema = tl_ema_new((tl_ema_options){ .decay = 0.5 });
    check(r->share, "%s", tl_error());
    check_ok(tl_mpi_init_normal(r->m, r->share, 0, 1, &(tl_random){ .seed = 2 }));
    check_ok(tl_init_normal(r->plain, 0, 1, &(tl_random){ .seed = 3 }));
    check_ok(tl_ema_add(r->ema, r->share));
    check_ok(tl_ema_add(r->ema, r->plain));
    check_ok(tl_mpi_broadcast(r->m, &r->plain, 1, NULL));
    check_ok(tl_checkpoint_add_optimizer(r->list, "adam", r->adam));
    check_ok(tl_checkpoint_add_variable(r->list, r->share));
    check_ok(tl_checkpoint_add_variable(r->list, r->plain));
}

static void end(run *r)
{
    tl_checkpoint_free(r->list);
    tl_graph_free(r->g);
    tl_mpi_free(r->m);
    tl_ema_free(r->ema);
    tl_optimizer_free(r->adam);
    tl_variable_free(r->share);
    tl_variable_free(r->plain);
}

static void step(run *r, int step)
{
    tl_gradients part, sum;
    for (int32_t k = 0; k < tl_mpi_rounds(r->m); k++, tl_graph_reset(r->g)) {
        const int32_t p = tl_mpi_first(r->m) + k;
        const bool mine = p < tl_mpi_last(r->m);
        const int32_t id[SAMPLES] = { step % ROWS, (p * p + 3 * step) % ROWS, p };
        tl_node *y = tl_mpi_embedding_lookup(r->m, mine ? r->g : NULL, r->share, id, TL_SHAPE(SAMPLES));
        y = tl_tanh(tl_bias(y, tl_use(mine ? r->g : NULL, r->plain)));
        if (!mine)
            continue;
        check_ok(tl_backward(tl_reduce_sum(tl_reduce_mean(y, 1), 0), &part));
        check_ok(tl_mpi_add(r->m, p, &part, 1.0 / PARTS));
    }
    check_ok(tl_mpi_total(r->m, &sum));
    check_ok(tl_apply_gradients(r->adam, &sum));
    check_ok(tl_ema_update(r->ema));
}

/* Stores an array of the share as one of the whole table. */
static void collect(const run *r, const tl_real *values, tl_real whole[ROWS * WIDTH])
{
    memset(whole, 0, ROWS * WIDTH * sizeof *whole);
    for (int64_t i = 0; i < tl_variable_shape(r->share).dim[0]; i++)
        memcpy(whole + tl_mpi_row(r->m, r->share, i) * WIDTH, values + i * WIDTH, WIDTH * sizeof *whole);
    MPI_Allreduce(MPI_IN_PLACE, whole, ROWS * WIDTH * (int)sizeof *whole, MPI_BYTE, MPI_BOR, MPI_COMM_WORLD);
}

static void check_same(const run *a, const run *b)
{
    enum { ARRAYS = 4 };
    for (int k = 0; k < ARRAYS; k++) {
        tl_real whole[2][ROWS * WIDTH];
        for (int i = 0; i < 2; i++) {
            const run *r = i == 0 ? a : b;
            collect(r,
                    k == 0   ? tl_variable_values(r->share)
                    : k == 1 ? tl_ema_values(r->ema, r->share)
                             : tl_optimizer_slot(r->adam, r->share, k - 2),
                    whole[i]);
        }
        check(memcmp(whole[0], whole[1], sizeof whole[0]) == 0, "array %d differs", k);
    }
    check(memcmp(tl_variable_values(a->plain), tl_variable_values(b->plain), WIDTH * sizeof(tl_real)) == 0,
          "what is not shared out differs");
}

int main(int argc, char **argv)
{
    char file[PATH_SIZE];
    begin_ranks(&argc, &argv);
    choose_path(file, "shares");
    for (int split = 0; split < 2; split++) {
        run a, b;
        begin(&a, split == 0 ? TL_DIV : TL_MOD);
        for (int k = 0; k < STEPS; k++) {
            if (k == SAVED_AT)
                check_ok(tl_mpi_save(a.m, a.list, file));
            step(&a, k);
        }
        begin(&b, split == 0 ? TL_MOD : TL_DIV);
        check_ok(tl_mpi_load(b.m, b.list, file));
        for (int k = SAVED_AT; k < STEPS; k++)
            step(&b, k);
        check_same(&a, &b);
        end(&a);
        end(&b);
    }
    char own[600];
    snprintf(own, sizeof own, "%s.1.%d", file, here); /* of the second save */
    check(unlink(own) == 0, "%s is not there", own);
    snprintf(own, sizeof own, "%s.0.%d", file, here);
    check(access(own, F_OK) != 0, "%s was not removed", own);
    if (here == 0)
        check(unlink(file) == 0, "%s is not there", file);
    MPI_Finalize();
    return 0;
}
