/* Weights: round trips, partial loads, and what is refused. */
#include "tests/graph/weights.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ---- Round trips ---- */

START_TEST(round_trip)
{
    tl_pattern *p = tl_pattern_random(5, 4, 0.5, 1), *mask = tl_pattern_random(6, 2, 0.5, 2);
    tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(2, 3, 2), 1),
                         tl_test_sparse("b/c", tl_pattern_retain(p), 2),
                         tl_test_dense("m", TL_SHAPE(2, 3, 2), 3), tl_test_dense("s", TL_SHAPE(), 4) };
    tl_variable *w[] = { tl_test_dense("s", TL_SHAPE(), 5), tl_test_dense("m", TL_SHAPE(2, 3, 2), 6),
                         tl_test_sparse("b/c", tl_pattern_random(5, 4, 0.3, 9), 7),
                         tl_test_dense("a", TL_SHAPE(2, 3, 2), 8) };
    ck_assert_ok(tl_variable_set_mask(v[2], mask));
    ck_assert_ok(tl_weights_save(path, v, 4));
    tl_load_report r;
    ck_assert_ok(tl_weights_load(path, w, 4, NULL, &r));
    for (int k = 0; k < 4; k++) {
        ck_assert_int_eq(tl_variable_size(v[k]), tl_variable_size(w[3 - k]));
        ck_assert_same(tl_variable_data(w[3 - k]), tl_variable_data(v[k]), tl_variable_size(v[k]));
        const tl_pattern *a = tl_variable_pattern(v[k]), *b = tl_variable_pattern(w[3 - k]);
        ck_assert((!a && !b) || tl_pattern_equal(a, b));
    }
    ck_assert_int_eq(r.loaded, 4);
    ck_assert_int_eq(r.new_patterns, 2);
    ck_assert_int_eq(r.converted, 1); /* a dense one is masked now */
    ck_assert_ok(tl_weights_load(path, v, 4, NULL, NULL));
    for (int k = 0; k < 4; k++) {
        tl_variable_free(v[k]);
        tl_variable_free(w[k]);
    }
    tl_pattern_release(p);
    tl_pattern_release(mask);
}
END_TEST

/* Weights from a checkpoint, whose other contents do not count. */
START_TEST(from_a_checkpoint)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1), *w = tl_test_dense("v", TL_SHAPE(3), 2);
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_ema *e = tl_ema_new((tl_ema_options){ 0 });
    tl_graph *g = tl_graph_new();
    ck_assert_ok(tl_ema_add(e, v));
    ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_use(g, v), TL_ALL_AXES)));
    ck_assert_ok(tl_ema_update(e));
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_variable(c, v));
    ck_assert_ok(tl_checkpoint_add_optimizer(c, "o", o));
    ck_assert_ok(tl_checkpoint_save(c, path));
    tl_load_report r;
    ck_assert_ok(tl_weights_load(path, &w, 1, NULL, &r));
    ck_assert_same(tl_variable_data(w), tl_variable_data(v), 3);
    ck_assert_int_eq(r.left_over, 0);
    ck_assert_ok(tl_weights_save(path, &v, 1)); /* the reverse: no checkpoint */
    char whole[700];
    snprintf(whole, sizeof whole, "checkpoint_load: %s: this is no checkpoint: there is no format_version",
             path);
    ck_assert_status(tl_checkpoint_load(c, path), TL_ERR_FORMAT, whole);
    ck_assert_ok(tl_ema_swap(e)); /* averages are what is written while they are swapped in */
    ck_assert_ok(tl_weights_save(path, &v, 1));
    ck_assert_ok(tl_weights_load(path, &w, 1, NULL, NULL));
    ck_assert_same(tl_variable_data(w), tl_variable_data(v), 3);
    ck_assert_status(tl_weights_load(path, &v, 1, NULL, NULL), TL_ERR_ARGUMENT,
                     "weights_load: averages are swapped in: v");
    ck_assert_ok(tl_ema_swap(e));
    ck_assert_same(tl_variable_data(w), tl_ema_values(e, v), 3);
    tl_checkpoint_free(c);
    tl_graph_free(g);
    tl_ema_free(e);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* A sparse variable whose name is that of a dense one's mask. */
START_TEST(sparse_beside_its_dense)
{
    tl_variable *v[] = { tl_test_dense("w", TL_SHAPE(3, 3), 1),
                         tl_test_sparse("w.mask", tl_pattern_random(3, 3, 0.5, 1), 2) };
    tl_variable *w[] = { tl_test_dense("w", TL_SHAPE(3, 3), 3),
                         tl_test_sparse("w.mask", tl_pattern_random(3, 3, 0.3, 2), 4) };
    ck_assert_ok(tl_weights_save(path, v, 2));
    ck_assert_ok(tl_weights_load(path, w, 2, NULL, NULL));
    ck_assert_ptr_null(tl_variable_pattern(w[0]));
    for (int k = 0; k < 2; k++)
        ck_assert_same(tl_variable_data(w[k]), tl_variable_data(v[k]), tl_variable_size(v[k]));
    tl_pattern *mask = tl_pattern_random(3, 3, 0.5, 3);
    ck_assert_ok(tl_variable_set_mask(v[0], mask));
    ck_assert_int_eq(tl_weights_save(path, v, 2), TL_ERR_ARGUMENT);
    ck_assert_msg(strstr(tl_error(), "w.mask.col_indices"), "%s", tl_error());
    tl_pattern_release(mask);
    for (int k = 0; k < 2; k++) {
        tl_variable_free(v[k]);
        tl_variable_free(w[k]);
    }
}
END_TEST

/* A dense one whose name is that of a value of a mask. */
START_TEST(dense_beside_a_mask)
{
    tl_variable *v[] = { tl_test_dense("w", TL_SHAPE(3, 3), 1),
                         tl_test_dense("w.mask.values", TL_SHAPE(2), 2) };
    tl_variable *w[] = { tl_test_dense("w", TL_SHAPE(3, 3), 3),
                         tl_test_dense("w.mask.values", TL_SHAPE(2), 4) };
    tl_pattern *mask = tl_pattern_random(3, 3, 0.5, 3);
    ck_assert_ok(tl_variable_set_mask(v[0], mask));
    ck_assert_ok(tl_weights_save(path, v, 2));
    ck_assert_ok(tl_weights_load(path, w, 2, NULL, NULL));
    ck_assert(tl_pattern_equal(tl_variable_pattern(w[0]), mask));
    for (int k = 0; k < 2; k++)
        ck_assert_same(tl_variable_data(w[k]), tl_variable_data(v[k]), tl_variable_size(v[k]));
    tl_pattern_release(mask);
    for (int k = 0; k < 2; k++) {
        tl_variable_free(v[k]);
        tl_variable_free(w[k]);
    }
}
END_TEST

START_TEST(twice)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1), *both[] = { v, v };
    ck_assert_status(tl_weights_save(path, both, 2), TL_ERR_ARGUMENT,
                     "weights_save: v is in the list already");
    ck_assert_status(tl_weights_load(path, both, 2, NULL, NULL), TL_ERR_ARGUMENT,
                     "weights_load: v is in the list already");
    tl_variable_free(v);
}
END_TEST

/* ---- Partial loads ---- */

START_TEST(partial)
{
    tl_variable *v[] = { tl_test_dense("same", TL_SHAPE(2), 1), tl_test_dense("head", TL_SHAPE(2, 10), 2),
                         tl_test_dense("old", TL_SHAPE(2), 3) };
    tl_variable *w[] = { tl_test_dense("same", TL_SHAPE(2), 4), tl_test_dense("head", TL_SHAPE(2, 3), 5),
                         tl_test_dense("new", TL_SHAPE(2), 6) };
    ck_assert_ok(tl_weights_save(path, v, 3));
    tl_real head[6], fresh[2];
    memcpy(head, tl_variable_data(w[1]), sizeof head);
    memcpy(fresh, tl_variable_data(w[2]), sizeof fresh);
    assert_fails(w, 3, NULL,
                 "head is 2x10 in the file and 2x3 here; new is not in the file; old is in the file only");
    assert_fails(w, 3, &(tl_load_options){ .skip_missing = true },
                 "head is 2x10 in the file and 2x3 here; old is in the file only");
    assert_fails(w, 3, &(tl_load_options){ .skip_left_over = true },
                 "head is 2x10 in the file and 2x3 here; new is not in the file");
    assert_fails(w, 3, &(tl_load_options){ .skip_shape = true },
                 "new is not in the file; old is in the file only");
    tl_load_report r;
    const tl_load_options all = { .skip_missing = true, .skip_left_over = true, .skip_shape = true };
    ck_assert_ok(tl_weights_load(path, w, 3, &all, &r));
    ck_assert_same(tl_variable_data(w[0]), tl_variable_data(v[0]), 2);
    ck_assert_same(tl_variable_data(w[1]), head, 6);
    ck_assert_same(tl_variable_data(w[2]), fresh, 2);
    ck_assert(r.loaded == 1 && r.missing == 1 && r.left_over == 1 && r.shape_differs == 1);
    ck_assert_str_eq(r.text,
                     "head: 2x10 in the file, 2x3 here\nnew: not in the file\nold: in the file only\n");
    for (int k = 0; k < 3; k++) {
        tl_variable_free(v[k]);
        tl_variable_free(w[k]);
    }
}
END_TEST

/* A report whose lines do not all fit. */
START_TEST(long_report)
{
    enum { N = 100 };
    char name[N][40];
    tl_variable *v[N];
    for (int k = 0; k < N; k++) {
        snprintf(name[k], sizeof name[k], "a variable of a long name %d", k);
        v[k] = tl_test_dense(name[k], TL_SHAPE(2), 1);
    }
    ck_assert_ok(tl_weights_save(path, v, 0));
    tl_load_report r;
    ck_assert_ok(tl_weights_load(path, v, N, &(tl_load_options){ .skip_missing = true }, &r));
    ck_assert_int_eq(r.missing, N);
    int lines = 0, more = -1;
    for (const char *at = r.text; *at; at = strchr(at, '\n') + 1, lines++)
        if (strncmp(at, "and ", 4) == 0)
            ck_assert_int_eq(sscanf(at, "and %d more\n", &more), 1);
    ck_assert_int_eq(lines - 1 + more, N);
    ck_assert_uint_gt(strlen(r.text), TL_LOAD_TEXT_SIZE - 100);
    for (int k = 0; k < N; k++)
        tl_variable_free(v[k]);
}
END_TEST

/* ---- What is refused ---- */

START_TEST(refused)
{
    tl_variable *v[] = { tl_variable_dense("a", TL_SHAPE(2)), tl_variable_dense(NULL, TL_SHAPE(2)),
                         tl_variable_dense("a", TL_SHAPE(2)), NULL };
    tl_load_report r;
    ck_assert_status(tl_weights_save(NULL, v, 1), TL_ERR_ARGUMENT, "weights_save: the path is NULL");
    ck_assert_status(tl_weights_save(path, NULL, 1), TL_ERR_ARGUMENT, "weights_save: 1 variables at NULL");
    ck_assert_status(tl_weights_save(path, v, -1), TL_ERR_ARGUMENT,
                     "weights_save: -1 variables at an address");
    ck_assert_status(tl_weights_save(path, v, 4), TL_ERR_ARGUMENT, "weights_save: variable 3 is NULL");
    ck_assert_status(tl_weights_save(path, v, 3), TL_ERR_ARGUMENT,
                     "weights_save: names that are empty, not UTF-8, begin with optimizer/ or ema/, or end "
                     "in .crow_indices "
                     "or .col_indices: number 2 of the list");
    tl_variable *same[] = { v[0], v[2] };
    ck_assert_status(tl_weights_save(path, same, 2), TL_ERR_ARGUMENT, "weights_save: repeated names: a");
    ck_assert_status(tl_weights_load(path, same, 2, NULL, &r), TL_ERR_ARGUMENT,
                     "weights_load: repeated names: a");
    ck_assert_int_eq(tl_weights_load(path, v, 1, &(tl_load_options){ .reserved2 = 1 }, &r), TL_ERR_ARGUMENT);
    unlink(path);
    ck_assert_int_eq(tl_weights_load(path, v, 1, NULL, &r), TL_ERR_IO);
    for (int k = 0; k < 3; k++)
        tl_variable_free(v[k]);
}
END_TEST

START_TEST(damage)
{
    tl_variable *v = make(SPARSE, pattern_a(), 1), *w = make(MASKED, pattern_b(), 100);
    ck_assert_ok(tl_weights_save(path, &v, 1));
    const int file = open(path, O_RDWR);
    struct stat is;
    ck_assert_int_eq(fstat(file, &is), 0);
    for (off_t k = 0; k < is.st_size; k++) {
        unsigned char byte, damaged;
        ck_assert_int_eq(pread(file, &byte, 1, k), 1);
        damaged = (unsigned char)(byte ^ 1 << k % 8);
        ck_assert_int_eq(pwrite(file, &damaged, 1, k), 1);
        const tl_status status = tl_weights_load(path, &w, 1, NULL, NULL);
        ck_assert_msg(status == TL_ERR_FORMAT, "byte %d: %s", (int)k, tl_status_name(status));
        ck_assert_int_eq(pwrite(file, &byte, 1, k), 1);
    }
    close(file);
    ck_assert_values(tl_variable_data(w), 6, 0, 100, 200, 0, 0, 500, 600);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("weights");
    TCase *c = tl_test_case(s, "weights");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_test(c, round_trip);
    tcase_add_test(c, from_a_checkpoint);
    tcase_add_test(c, sparse_beside_its_dense);
    tcase_add_test(c, dense_beside_a_mask);
    tcase_add_test(c, twice);
    tcase_add_test(c, partial);
    tcase_add_test(c, long_report);
    tcase_add_test(c, damage);
    tcase_add_test(c, refused);
    return s;
}
