/* A sparse variable that gets another pattern: what is kept, what is new, what is gone. */
#include "tests/testing.h"
#include "tests/graph/zoo.h"

#include <string.h>

enum { ROWS = 5, COLS = 7, CELLS = ROWS * COLS, SLOTS = TL_MAX_SLOTS };

/* One sparse variable in the hands of every optimizer, and of one that keeps ages. */
typedef struct crowd {
    tl_variable *v;
    tl_optimizer *o[ZOO + 1];
    tl_graph *g;
    tl_random r;
} crowd;

/* A step of every optimizer; gradients by position, so that two crowds of one pattern get the same. */
static void steps(crowd *c, int n)
{
    for (int t = 0; t < n; t++)
        for (int k = 0; k <= ZOO; k++) {
            tl_real values[CELLS];
            for (int64_t e = 0; e < tl_variable_size(c->v); e++)
                values[e] = (tl_real)tl_random_normal(&c->r);
            tl_gradients all = { &(tl_gradient){ .variable = c->v, .values = values }, 1, c->g };
            ck_assert_ok(tl_apply_gradients(c->o[k], &all));
            tl_graph_reset(c->g);
        }
}

static crowd make(tl_pattern *p)
{
    const char *name;
    crowd c = { .v = tl_test_sparse("v", tl_pattern_retain(p), 3), .g = tl_graph_new(), .r = { .seed = 5 } };
    for (int k = 0; k < ZOO; k++)
        c.o[k] = zoo(k, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name);
    c.o[ZOO] = tl_adam((tl_adam_options){ .per_weight_age = true });
    steps(&c, 3);
    return c;
}

static void drop(crowd *c)
{
    tl_variable_free(c->v);
    for (int k = 0; k <= ZOO; k++)
        tl_optimizer_free(c->o[k]);
    tl_graph_free(c->g);
}

/* Values (array 0) and all slots, by the cell of the matrix; 999 where there is no connection. */
typedef struct state {
    tl_real value[1 + (ZOO + 1) * SLOTS][CELLS];
    const tl_real *at[1 + (ZOO + 1) * SLOTS];
} state;

static void record(const crowd *c, state *s)
{
    const tl_pattern *p = tl_variable_pattern(c->v);
    for (int a = 0; a < 1 + (ZOO + 1) * SLOTS; a++) {
        s->at[a] = a == 0 ? tl_variable_data(c->v)
                          : tl_optimizer_slot(c->o[(a - 1) / SLOTS], c->v, (a - 1) % SLOTS);
        for (int64_t i = 0; i < ROWS; i++)
            for (int32_t j = 0; j < COLS; j++) {
                const int64_t e = tl_pattern_find(p, i, j);
                s->value[a][i * COLS + j] = s->at[a] && e >= 0 ? s->at[a][e] : 999;
            }
    }
}

/* Returns the initial value of slot `slot` of optimizer k, by the options in zoo.h and the defaults. */
static tl_real start_of(int k, int slot)
{
    return slot == 0 && (k == 10 || k == 15 || k == 16) ? (tl_real)0.1 : 0;
}

static tl_real init(void *context, int64_t row, int64_t col)
{
    ++*(int *)context;
    return (tl_real)(100 * row + col + 1);
}

static void check_moved(const crowd *c, const state *before, const tl_pattern *from, bool initialised)
{
    state *now = malloc(sizeof *now);
    int kept = 0, added = 0, slots = 0;
    record(c, now);
    for (int a = 0; a < 1 + (ZOO + 1) * SLOTS; a++) {
        ck_assert_int_eq(now->at[a] == NULL, before->at[a] == NULL);
        slots += a > 0 && now->at[a];
        for (int k = 0; now->at[a] && k < CELLS; k++) {
            const bool was = tl_pattern_find(from, k / COLS, k % COLS) >= 0;
            const bool is = tl_pattern_find(tl_variable_pattern(c->v), k / COLS, k % COLS) >= 0;
            const tl_real first = a > 0         ? start_of((a - 1) / SLOTS, (a - 1) % SLOTS)
                                  : initialised ? (tl_real)(100 * (k / COLS) + k % COLS + 1)
                                                : 0;
            if (is)
                ck_assert_same(&now->value[a][k], was ? &before->value[a][k] : &first, 1);
            kept += a == 0 && is && was;
            added += a == 0 && is && !was;
        }
    }
    ck_assert_int_gt(kept, 5);
    ck_assert_int_gt(added, 5);
    ck_assert_int_eq(slots, 26 + 2); /* of the zoo, and of the one with ages */
    free(now);
}

START_TEST(everything_moves)
{
    tl_pattern *from = tl_test_pattern(ROWS, COLS, 0.6, 1), *to = tl_pattern_random(ROWS, COLS, 0.5, 2);
    crowd c = make(from);
    state *before = malloc(sizeof *before);
    record(&c, before);
    int drawn = 0, added = 0;
    for (int64_t k = 0; k < CELLS; k++)
        added += tl_pattern_find(to, k / COLS, (int32_t)(k % COLS)) >= 0 &&
                 tl_pattern_find(from, k / COLS, (int32_t)(k % COLS)) < 0;
    if (_i == 0)
        ck_assert_ok(tl_variable_set_pattern(c.v, to));
    else
        ck_assert_ok(tl_variable_grow(c.v, to, init, &drawn));
    ck_assert_int_eq(drawn, _i == 0 ? 0 : added);
    ck_assert_ptr_eq(tl_variable_pattern(c.v), to);
    ck_assert_int_eq(tl_variable_size(c.v), tl_pattern_nnz(to));
    check_moved(&c, before, from, _i == 1);
    ck_assert_int_eq(tl_optimizer_steps(c.o[2], c.v), 3);
    steps(&c, 2);
    ck_assert_int_eq(tl_optimizer_steps(c.o[2], c.v), 5);
    free(before);
    drop(&c);
    tl_pattern_release(from);
    tl_pattern_release(to);
}
END_TEST

/* Its own pattern changes nothing; an empty one forgets all of it. */
START_TEST(the_same_and_none)
{
    tl_pattern *from = tl_test_pattern(ROWS, COLS, 0.6, 1), *none = tl_pattern_random(ROWS, COLS, 0, 1);
    crowd c = make(from);
    state *before = malloc(sizeof *before), *after = malloc(sizeof *after);
    record(&c, before);
    ck_assert_ok(tl_variable_set_pattern(c.v, from));
    record(&c, after);
    ck_assert_mem_eq(after->value, before->value, sizeof before->value);
    ck_assert_ok(tl_variable_set_pattern(c.v, none));
    ck_assert_int_eq(tl_variable_size(c.v), 0);
    ck_assert_int_eq(tl_optimizer_bytes(c.o[5]), 0);
    steps(&c, 1);
    ck_assert_ok(tl_variable_set_pattern(c.v, from));
    record(&c, after);
    for (int a = 0; a < 1 + (ZOO + 1) * SLOTS; a++)
        for (int k = 0; k < CELLS; k++) {
            const tl_real first = a == 0 ? 0 : start_of((a - 1) / SLOTS, (a - 1) % SLOTS);
            ck_assert_same(&after->value[a][k], before->value[a][k] == 999 ? &before->value[a][k] : &first,
                           1);
        }
    free(before);
    free(after);
    drop(&c);
    tl_pattern_release(from);
    tl_pattern_release(none);
}
END_TEST

/* Whichever allocation fails, nothing has changed: not even where things lie. Ages cannot be looked at; they
 * show in the steps that follow, against those of a twin to whom nothing happened. */
START_TEST(failed_allocations_change_nothing)
{
    tl_pattern *from = tl_test_pattern(ROWS, COLS, 0.6, 1), *to = tl_pattern_random(ROWS, COLS, 0.5, 2);
    crowd c = make(from), twin = make(from);
    state *before = malloc(sizeof *before), *after = malloc(sizeof *after);
    record(&c, before);
    tl_status status = TL_ERR_MEMORY;
    int64_t k = 0;
    while (status != TL_OK) {
        const int64_t blocks = tl_test_live_blocks();
        tl_test_fail_allocation(++k);
        status = _i == 0 ? tl_variable_set_pattern(c.v, to) : tl_variable_prune_by_magnitude(c.v, 10);
        tl_test_fail_allocation(0);
        ck_assert_int_lt(k, 1000);
        if (status == TL_OK)
            break;
        ck_assert_int_eq(status, TL_ERR_MEMORY);
        ck_assert_ptr_nonnull(strstr(tl_error(), "out of memory"));
        ck_assert_int_eq(tl_test_live_blocks(), blocks);
        record(&c, after);
        ck_assert_mem_eq(after->value, before->value, sizeof before->value);
        ck_assert_mem_eq(after->at, before->at, sizeof before->at);
        ck_assert_ptr_eq(tl_variable_pattern(c.v), from);
    }
    ck_assert_int_gt(k, 1 + 29 + 1); /* values, slots, ages */
    ck_assert_ok(_i == 0 ? tl_variable_set_pattern(twin.v, to) : tl_variable_prune_by_magnitude(twin.v, 10));
    steps(&c, 2);
    steps(&twin, 2);
    ck_assert_same(tl_variable_data(c.v), tl_variable_data(twin.v), tl_variable_size(twin.v));
    free(before);
    free(after);
    drop(&c);
    drop(&twin);
    tl_pattern_release(from);
    tl_pattern_release(to);
}
END_TEST

/* Slots exactly as long as the pattern, whatever has happened. */
START_TEST(bytes)
{
    const int of_zoo[ZOO] = { 0, 0, 1, 1, 1, 2, 2, 2, 3, 2, 1, 1, 1, 2, 3, 2, 2 };
    tl_pattern *from = tl_test_pattern(ROWS, COLS, 0.6, 1), *to = tl_pattern_random(ROWS, COLS, 0.3, 2);
    crowd c = make(from);
    for (int round = 0; round < 3; round++) {
        const int64_t nnz = tl_variable_size(c.v), real = (int64_t)sizeof(tl_real);
        for (int k = 0; k < ZOO; k++)
            ck_assert_int_eq(tl_optimizer_bytes(c.o[k]), of_zoo[k] * nnz * real);
        ck_assert_int_eq(tl_optimizer_bytes(c.o[ZOO]), nnz * (2 * real + (int64_t)sizeof(int32_t)));
        if (round == 0)
            steps(&c, 40);
        if (round == 1)
            ck_assert_ok(tl_variable_set_pattern(c.v, to));
    }
    drop(&c);
    tl_pattern_release(from);
    tl_pattern_release(to);
}
END_TEST

/* The values of an old gradient belong to the old pattern. */
START_TEST(an_old_gradient_is_refused)
{
    tl_pattern *from = tl_test_pattern(ROWS, COLS, 0.6, 1), *to = tl_pattern_random(ROWS, COLS, 0.5, 2);
    tl_variable *v = tl_test_sparse("v", tl_pattern_retain(from), 3);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .momentum = 0.9 });
    tl_graph *g = tl_graph_new();
    const tl_real x[2 * ROWS] = { 1, 2, 3 };
    tl_gradients all;
    tl_node *y = tl_dense_sparse_matmul(tl_input(g, TL_SHAPE(2, ROWS), x), tl_use(g, v), TL_NO_TRANSPOSE);
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &all));
    ck_assert_ok(tl_variable_set_pattern(v, to));
    tl_real before[CELLS];
    memcpy(before, tl_variable_data(v), (size_t)tl_variable_size(v) * sizeof *before);
    ck_assert_status(tl_apply_gradients(o, &all), TL_ERR_ARGUMENT,
                     "sgd: the pattern of v has changed since its gradient was computed");
    ck_assert_str_eq(tl_graph_error(g), "sgd: the pattern of v has changed since its gradient was computed");
    ck_assert_same(tl_variable_data(v), before, tl_variable_size(v));
    ck_assert_ptr_null(tl_optimizer_slot(o, v, 0));
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(from);
    tl_pattern_release(to);
}
END_TEST

START_TEST(refusals)
{
    tl_pattern *p = tl_test_pattern(3, 4, 0.6, 1), *other = tl_pattern_random(4, 3, 0.5, 2);
    tl_variable *v = tl_test_sparse("v", tl_pattern_retain(p), 3), *d = tl_test_dense("d", TL_SHAPE(3, 4), 1);
    int drawn = 0;
    ck_assert_status(tl_variable_set_pattern(NULL, p), TL_ERR_ARGUMENT,
                     "variable_set_pattern: the variable is NULL");
    ck_assert_status(tl_variable_set_pattern(v, NULL), TL_ERR_ARGUMENT,
                     "variable_set_pattern: the pattern is NULL");
    ck_assert_status(tl_variable_set_pattern(d, p), TL_ERR_KIND,
                     "variable_set_pattern: d is dense; use tl_variable_set_mask");
    ck_assert_status(tl_variable_set_pattern(v, other), TL_ERR_SHAPE,
                     "variable_set_pattern: a pattern of 4x3 for v, which is 3x4");
    ck_assert_status(tl_variable_grow(v, other, init, &drawn), TL_ERR_SHAPE,
                     "variable_grow: a pattern of 4x3 for v, which is 3x4");
    ck_assert_status(tl_variable_grow(d, p, init, &drawn), TL_ERR_KIND,
                     "variable_grow: d is dense; use tl_variable_set_mask");
    ck_assert_int_eq(drawn, 0);
    ck_assert_ptr_eq(tl_variable_pattern(v), p);
    ck_assert_ptr_null(tl_variable_pattern(d));
    tl_variable_free(v);
    tl_variable_free(d);
    tl_pattern_release(p);
    tl_pattern_release(other);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("grow");
    TCase *c = tl_test_case(s, "grow");
    tcase_add_loop_test(c, everything_moves, 0, 2);
    tcase_add_test(c, the_same_and_none);
    tcase_add_loop_test(c, failed_allocations_change_nothing, 0, 2);
    tcase_add_test(c, bytes);
    tcase_add_test(c, an_old_gradient_is_refused);
    tcase_add_test(c, refusals);
    return s;
}
