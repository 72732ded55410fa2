/* Counts the bytes that a sum moves, and compares them with what it should cost. */
#include "mpi_testing.h"
#include "mpi_watch.h"

#include <math.h>

enum { PARTS = 8, DENSE = 1 << 20, SIDE = 2000, ROWS = 100000, WIDTH = 16, IDS = 20000 };

static tl_gradient dense_gradient(tl_variable *v)
{
    tl_real *values = calloc((size_t)tl_variable_size(v), sizeof *values);
    return (tl_gradient){ .variable = v, .values = values };
}

/* Rows by chance, so that those of each owner are as many. */
static tl_gradient row_gradient(tl_variable *v, uint64_t seed)
{
    tl_random r = { .seed = seed };
    int32_t *rows = malloc(IDS * sizeof *rows);
    tl_gradient g = { .variable = v, .values = calloc((size_t)IDS * WIDTH, sizeof(tl_real)), .rows = rows };
    for (int32_t row = 0; row < ROWS && g.n_rows < IDS; row++)
        if (tl_random_uniform(&r) * (ROWS - row) < (double)(IDS - g.n_rows))
            rows[g.n_rows++] = row;
    return g;
}

/* Sums one gradient per part, each its own or all the same. Returns the bytes that this rank sent. */
static int64_t sum(tl_mpi *m, tl_gradient pair[PARTS], int64_t *n_rows)
{
    tl_gradients out;
    for (int32_t p = tl_mpi_first(m); p < tl_mpi_last(m); p++)
        check_ok(tl_mpi_add(m, p, &(tl_gradients){ &pair[p], 1, NULL }, 0.5));
    watched = (watch){ .sent = 0 };
    check_ok(tl_mpi_total(m, &out));
    check(out.n == 1, "%d pairs", (int)out.n);
    check(!watched.reals, "real numbers were reduced");
    check(watched.reduced <= 7 * 64, "%d bytes of agreements", (int)watched.reduced);
    *n_rows = out.pair[0].n_rows;
    return watched.sent;
}

static void check_near(const char *what, double found, double expected)
{
    check(fabs(found - expected) <= 0.01 * expected, "%s: %.0f bytes, expected %.0f", what, found, expected);
    if (here == 0)
        printf("%d ranks, %s: %.0f bytes, expected %.0f\n", ranks, what, found, expected);
}

/* Dense: 2 N (R - 1) / R, as of a reduction, where R is a power of two; otherwise a rank sends each of its
 * blocks. */
static void count_dense(tl_mpi *m, tl_variable *v, const char *what)
{
    int blocks = 0;
    for (int32_t part = tl_mpi_first(m), size; part < tl_mpi_last(m); part += size, blocks++)
        for (size = 1; part % (2 * size) == 0 && part + 2 * size <= tl_mpi_last(m);)
            size *= 2;
    tl_gradient pair[PARTS];
    int64_t n_rows;
    pair[0] = dense_gradient(v);
    for (int p = 1; p < PARTS; p++)
        pair[p] = pair[0];
    const double found = (double)sum(m, pair, &n_rows), n = (double)tl_variable_size(v);
    check_near(what, found, (1 + blocks) * n * (ranks - 1) / ranks * sizeof(tl_real));
    free(pair[0].values);
}

/* By rows: (rows of the rank's blocks + rows of the sum) (R - 1) / R, each its number and its values. Here a
 * rank has a block. */
static void count_rows(tl_mpi *m, tl_variable *v)
{
    tl_gradient pair[PARTS];
    int64_t in_sum, in_block = 0;
    static bool seen[ROWS];
    memset(seen, 0, sizeof seen);
    for (int p = 0; p < PARTS; p++)
        pair[p] = row_gradient(v, (uint64_t)p);
    for (int p = tl_mpi_first(m); p < tl_mpi_last(m); p++)
        for (int64_t i = 0; i < pair[p].n_rows; i++) {
            in_block += !seen[pair[p].rows[i]];
            seen[pair[p].rows[i]] = true;
        }
    const double found = (double)sum(m, pair, &in_sum);
    check_near("a table", found,
               (double)(in_block + in_sum) * (ranks - 1) / ranks * (4 + WIDTH * sizeof(tl_real)));
    for (int p = 0; p < PARTS; p++) {
        free(pair[p].values);
        free((int32_t *)pair[p].rows);
    }
}

/* A table that is shared out: a lookup sends the number of each row that the rank wants, and the values of
 * those that others want; the sum sends the rows of the rank's block, and nothing back. */
static void count_shares(tl_mpi *m)
{
    static bool seen[ROWS];
    const double elsewhere = (ranks - 1.0) / ranks, bytes_of_row = 4 + WIDTH * sizeof(tl_real);
    tl_variable *share = tl_mpi_table(m, "share", ROWS, WIDTH, TL_MOD);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    double in_block = 0;
    int64_t in_lookups = 0;
    for (int32_t p = tl_mpi_first(m); p < tl_mpi_last(m); p++, tl_graph_reset(g)) {
        tl_gradient rows = row_gradient(share, (uint64_t)p);
        watched = (watch){ .sent = 0 };
        tl_node *y = tl_mpi_embedding_lookup(m, g, share, rows.rows, TL_SHAPE(IDS));
        in_lookups += watched.sent;
        check_ok(tl_backward(tl_reduce_sum(tl_reduce_sum(y, 1), 0), &out));
        check_ok(tl_mpi_add(m, p, &out, 0.5));
        for (int64_t i = 0; i < IDS; i++) {
            in_block += !seen[rows.rows[i]];
            seen[rows.rows[i]] = true;
        }
        free(rows.values);
        free((int32_t *)rows.rows);
    }
    MPI_Allreduce(MPI_IN_PLACE, &in_lookups, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
    check_near("lookups of all ranks", (double)in_lookups, PARTS * IDS * elsewhere * bytes_of_row);
    watched = (watch){ .sent = 0 };
    check_ok(tl_mpi_total(m, &out));
    check_near("a table that is shared out", (double)watched.sent, in_block * elsewhere * bytes_of_row);
    check(!watched.reals, "real numbers were reduced");
    tl_graph_free(g);
    tl_mpi_free(m);
    tl_variable_free(share);
}

int main(int argc, char **argv)
{
    begin_ranks(&argc, &argv);
    tl_pattern *pattern = tl_pattern_random(SIDE, SIDE, 0.25, 1);
    tl_variable *v[] = { tl_variable_dense("dense", TL_SHAPE(DENSE)), tl_variable_sparse("sparse", pattern),
                         tl_variable_dense("table", TL_SHAPE(ROWS, WIDTH)) };
    tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, PARTS);
    check(m, "%s", tl_error());
    check_ok(tl_mpi_broadcast(m, v, 3, NULL));
    count_dense(m, v[0], "a dense variable");
    count_dense(m, v[1], "a sparse variable");
    if ((ranks & (ranks - 1)) == 0)
        count_rows(m, v[2]);
    if (PARTS % ranks == 0)
        count_shares(m);
    else
        tl_mpi_free(m);
    for (int k = 0; k < 3; k++)
        tl_variable_free(v[k]);
    tl_pattern_release(pattern);
    MPI_Finalize();
    return 0;
}
