/* Checkpoints: a run that is resumed is, to the bit, the run that was not interrupted, and a run that is
 * saved is the one that is not. */
#include "tests/graph/saved.h"
#include "tests/graph/training.h"

#include "graph/optim/slots.h"

#include <math.h>
#include <sys/stat.h>

static void clean_up(void)
{
    tl_set_num_threads(1);
    teardown();
}

enum { END = 47 };

static uint64_t uninterrupted(int k, tl_rows_policy rows)
{
    training t;
    training_begin(&t, k, rows, 1);
    training_run(&t, END);
    const uint64_t hash = training_hash(&t);
    training_end(&t);
    return hash;
}

/* ---- The same bits ---- */

/* Every optimizer, resumed after some steps; every other one is saved after each step. */
START_TEST(resumed_runs)
{
    const int k = _i / 2;
    const tl_rows_policy rows = _i % 2 ? TL_ROWS_LAZY : TL_ROWS_EXACT;
    const uint64_t expected = uninterrupted(k, rows);
    training t, other;
    training_begin(&t, k, rows, 1);
    for (int64_t step = 0; step <= END; step++) {
        const bool resume = step % 8 == 7 || step < 3;
        training_run(&t, step);
        const tl_slots *s = tl_slots_find(t.main, t.table);
        if (step == 39 && tl_slots_row_step(s))
            ck_assert_int_lt(s->all_step, s->t); /* rows wait for steps */
        if (resume || k % 2)
            ck_assert_ok(tl_checkpoint_save(t.list, path));
        if (!resume)
            continue;
        training_begin(&other, k, rows, 1000);
        ck_assert_ok(tl_checkpoint_load(other.list, path));
        ck_assert_str_eq(tl_checkpoint_warnings(other.list), "");
        ck_assert_int_eq(other.step, step);
        tl_set_num_threads(1 + (int)step % 3);
        training_run(&other, END);
        tl_set_num_threads(1);
        ck_assert_msg(training_hash(&other) == expected, "resumed after step %d", (int)step);
        training_end(&other);
    }
    ck_assert_msg(training_hash(&t) == expected, "saved on the way");
    tl_variable_data(t.table)[0] += 1;
    ck_assert_uint_ne(training_hash(&t), expected);
    training_end(&t);
}
END_TEST

/* Into a run that went on, or had gone another way: everything of it is replaced. */
START_TEST(used_run)
{
    const uint64_t expected = uninterrupted(5, TL_ROWS_EXACT);
    training t, other;
    training_begin(&t, 5, TL_ROWS_EXACT, 1);
    training_run(&t, 23);
    ck_assert_ok(tl_checkpoint_save(t.list, path));
    training_run(&t, 40);
    ck_assert_ok(tl_checkpoint_load(t.list, path));
    training_run(&t, END);
    ck_assert_uint_eq(training_hash(&t), expected);
    training_end(&t);
    training_begin(&other, 5, TL_ROWS_EXACT, 77);
    training_run(&other, 31);
    ck_assert_ok(tl_checkpoint_load(other.list, path));
    training_run(&other, END);
    ck_assert_uint_eq(training_hash(&other), expected);
    training_end(&other);
    training_begin(&t, 5, TL_ROWS_EXACT, 1); /* before the first step: slots go */
    ck_assert_ok(tl_checkpoint_save(t.list, path));
    training_run(&t, 9);
    ck_assert_ok(tl_checkpoint_load(t.list, path));
    ck_assert_int_eq(tl_optimizer_steps(t.main, t.table), 0);
    ck_assert_ptr_null(tl_optimizer_slot(t.main, t.table, 0));
    training_run(&t, END);
    ck_assert_uint_eq(training_hash(&t), expected);
    training_end(&t);
}
END_TEST

/* Returns a file's bytes, to be freed. */
static unsigned char *bytes_of(const char *name, size_t *n)
{
    struct stat is;
    FILE *f = fopen(name, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fstat(fileno(f), &is), 0);
    *n = (size_t)is.st_size;
    unsigned char *bytes = malloc(*n);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *n, f), *n);
    fclose(f);
    return bytes;
}

/* The same file, byte by byte, from the run that saved it and from one that loaded it, in whichever order
 * their slots were made. */
START_TEST(saved_again)
{
    training t, other;
    char again[600];
    snprintf(again, sizeof again, "%s.again", path);
    training_begin(&t, 7, TL_ROWS_EXACT, 1);
    for (int k = 0; k < T_VARIABLES; k++) {
        tl_variable *v = t.all[_i % 2 ? k : T_VARIABLES - 1 - k];
        ck_assert_ok(tl_optimizer_set_options_for(t.aged, v, tl_optimizer_options_for(t.aged, v)));
    }
    training_run(&t, 20);
    ck_assert_ok(tl_checkpoint_save(t.list, path));
    training_begin(&other, 7, TL_ROWS_EXACT, 2);
    training_run(&other, _i / 2);
    ck_assert_ok(tl_checkpoint_load(other.list, path));
    ck_assert_ok(tl_checkpoint_save(other.list, again));
    size_t n, m;
    unsigned char *a = bytes_of(path, &n), *b = bytes_of(again, &m);
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(a, b, n);
    free(a);
    free(b);
    training_end(&t);
    training_end(&other);
    unlink(again);
}
END_TEST

/* ---- Kinds of objects ---- */

START_TEST(numbers)
{
    static const double values[] = {
        0, -0.0, 1.0 / 3, 0x1p-1074, 0x1.fffffffffffffp1023, (double)INFINITY, -(double)INFINITY
    };
    tl_random r = { .seed = UINT64_MAX, .position = UINT64_MAX - 1 };
    int64_t low = INT64_MIN, high = INT64_MAX;
    double x = 0;
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_random(c, "r\xc3\xa9/\"\\\n", &r));
    ck_assert_ok(tl_checkpoint_add_integer(c, "low", &low));
    ck_assert_ok(tl_checkpoint_add_integer(c, "high", &high));
    ck_assert_ok(tl_checkpoint_add_number(c, "low", &x)); /* names differ within a kind */
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        x = values[k];
        ck_assert_ok(tl_checkpoint_save(c, path));
        r = (tl_random){ 0 };
        x = 3;
        low = high = 0;
        ck_assert_ok(tl_checkpoint_load(c, path));
        ck_assert(memcmp(&x, &values[k], sizeof x) == 0);
        ck_assert(low == INT64_MIN && high == INT64_MAX);
        ck_assert(r.seed == UINT64_MAX && r.position == UINT64_MAX - 1);
    }
    x = (double)NAN;
    ck_assert_ok(tl_checkpoint_save(c, path));
    x = 0;
    ck_assert_ok(tl_checkpoint_load(c, path));
    ck_assert(isnan(x));
    tl_checkpoint_free(c);
    tl_checkpoint_free(NULL);
    ck_assert_str_eq(tl_checkpoint_warnings(NULL), "");
}
END_TEST

/* Shapes of every rank, also without elements; a sparse variable without entries; a mask that goes. */
START_TEST(every_shape)
{
    const tl_shape shapes[] = { TL_SHAPE(),     TL_SHAPE(3),       TL_SHAPE(0),
                                TL_SHAPE(2, 3), TL_SHAPE(2, 0, 3), TL_SHAPE(2, 1, 2, 3) };
    enum { N = sizeof shapes / sizeof *shapes };
    tl_variable *v[N + 2];
    char name[N + 2][8];
    tl_checkpoint *c = tl_checkpoint_new();
    tl_pattern *none = tl_pattern_random(3, 4, 0, 1), *some = tl_pattern_random(3, 4, 0.5, 1),
               *deep = tl_pattern_random(4, 3, 0.5, 1);
    for (int k = 0; k < N + 2; k++) {
        snprintf(name[k], sizeof name[k], "v%d", k);
        v[k] = k < N ? tl_test_dense(name[k], shapes[k], 1 + (uint64_t)k)
                     : tl_test_sparse(name[k], tl_pattern_retain(k == N ? none : some), 3);
        ck_assert_ok(tl_checkpoint_add_variable(c, v[k]));
    }
    ck_assert_ok(tl_variable_set_mask(v[5], deep));
    ck_assert_ok(tl_checkpoint_save(c, path));
    tl_real before[12];
    memcpy(before, tl_variable_data(v[5]), sizeof before);
    tl_pattern *const kept = tl_variable_pattern(v[7]);
    ck_assert_ok(tl_variable_set_pattern(v[6], some));
    ck_assert_ok(tl_variable_set_mask(v[5], NULL));
    ck_assert_ok(tl_variable_set_mask(v[3], tl_variable_pattern(v[3])));
    tl_variable_data(v[5])[2] = 7;
    tl_pattern *extra = tl_pattern_random(2, 3, 0.5, 1);
    ck_assert_ok(tl_variable_set_mask(v[3], extra));
    ck_assert_ok(tl_checkpoint_load(c, path));
    ck_assert_int_eq(tl_variable_size(v[6]), 0);
    ck_assert_ptr_null(tl_variable_pattern(v[3]));
    ck_assert(tl_pattern_equal(tl_variable_pattern(v[5]), deep));
    ck_assert_int_eq(memcmp(before, tl_variable_data(v[5]), sizeof before), 0);
    ck_assert_ptr_eq(tl_variable_pattern(v[7]), kept); /* the same pattern stays, with what it caches */
    for (int k = 0; k < N + 2; k++)
        tl_variable_free(v[k]);
    tl_pattern_release(none);
    tl_pattern_release(some);
    tl_pattern_release(deep);
    tl_pattern_release(extra);
    tl_checkpoint_free(c);
}
END_TEST

/* A run saves while rows wait for their steps: they are in the file as if they had taken them. */
START_TEST(pending_rows)
{
    tl_variable *v = tl_test_dense("table", TL_SHAPE(500, 2), 1);
    tl_optimizer *o = tl_adam((tl_adam_options){ .learning_rate = 0.1 });
    tl_graph *g = tl_graph_new();
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_variable(c, v));
    ck_assert_ok(tl_checkpoint_add_optimizer(c, "adam", o));
    for (int32_t k = 0; k < 9; k++, tl_graph_reset(g)) {
        const int32_t ids[] = { k, 400 - k };
        ck_assert_ok(
            tl_minimize(o, tl_reduce_sum(tl_embedding_lookup(tl_use(g, v), ids, TL_SHAPE(2)), TL_ALL_AXES)));
    }
    const tl_slots *s = tl_slots_find(o, v);
    ck_assert_ptr_nonnull(tl_slots_row_step(s));
    ck_assert_int_lt(s->all_step, s->t); /* something is pending */
    ck_assert_ok(tl_checkpoint_save(c, path));
    tl_safetensors f;
    ck_assert_ok(tl_safetensors_read(path, &f));
    const int32_t at = tl_safetensors_find(&f, "table");
    ck_assert_int_eq(memcmp(f.tensor[at].data, tl_variable_data(v), 1000 * sizeof(tl_real)), 0);
    ck_assert_int_eq(tl_safetensors_find(&f, "optimizer/adam/table/row_step"), -1);
    ck_assert_str_eq(tl_safetensors_note_of(&f, "optimizer/adam/table/t"), "9");
    tl_safetensors_free(&f);
    tl_checkpoint_free(c);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* An optimizer of the program's own, whose options have no names. */
static void update(const tl_update *u)
{
    for (int64_t k = 0; k < u->n; k++) {
        u->slot[0][k] += 1;
        u->w[k] -= (tl_real)u->learning_rate * u->g[k] / u->slot[0][k];
    }
}

static void start(const void *options, tl_real *start)
{
    start[0] = *(const tl_real *)options;
}

START_TEST(own_class)
{
    const tl_optimizer_class class = { .name = "mine", .n_slots = 1, .update = update, .start = start };
    const tl_real first = 5;
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4), 1);
    tl_optimizer *o = tl_optimizer_new(&class, (tl_optimizer_options){ .learning_rate = 1 }, &first,
                                       sizeof first);
    tl_graph *g = tl_graph_new();
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_variable(c, v));
    ck_assert_ok(tl_checkpoint_add_optimizer(c, "mine", o));
    ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_use(g, v), TL_ALL_AXES)));
    ck_assert_ok(tl_checkpoint_save(c, path));
    tl_graph_reset(g);
    ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_use(g, v), TL_ALL_AXES)));
    tl_graph_reset(g);
    ck_assert_values(tl_optimizer_slot(o, v, 0), 4, 0, 7, 7, 7, 7);
    ck_assert_ok(tl_checkpoint_load(c, path));
    ck_assert_values(tl_optimizer_slot(o, v, 0), 4, 0, 6, 6, 6, 6);
    tl_checkpoint_free(c);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* The example in checkpoint.h: a program that finds its own file goes on. */
START_TEST(warnings)
{
    training t, other;
    training_begin(&t, 5, TL_ROWS_EXACT, 1);
    ck_assert_ok(tl_checkpoint_save(t.list, path));
    training_begin(&other, 5, TL_ROWS_EXACT, 1);
    ck_assert_ok(tl_optimizer_set_schedule(other.main, NULL, NULL));
    ck_assert_ok(tl_optimizer_add_transform(other.main, tl_centralize, NULL));
    ck_assert_ok(tl_checkpoint_load(other.list, path));
    ck_assert_str_eq(tl_checkpoint_warnings(other.list),
                     "optimizer main had a schedule when it was saved and has none now\n"
                     "optimizer main has transforms now and had none when it was saved\n");
    ck_assert_ok(tl_checkpoint_load(t.list, path));
    ck_assert_str_eq(tl_checkpoint_warnings(t.list), "");
    training_end(&t);
    training_end(&other);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("checkpoint");
    TCase *c = tl_test_case(s, "checkpoint");
    tcase_add_unchecked_fixture(c, setup, clean_up);
    tcase_add_loop_test(c, resumed_runs, 0, 2 * ZOO);
    tcase_add_test(c, used_run);
    tcase_add_loop_test(c, saved_again, 0, 6);
    tcase_add_test(c, numbers);
    tcase_add_test(c, every_shape);
    tcase_add_test(c, pending_rows);
    tcase_add_test(c, own_class);
    tcase_add_test(c, warnings);
    return s;
}
