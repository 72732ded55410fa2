/* Weights of another kind or type in the file than here: every conversion with its report, and files of other
 * programs. */
#include "tests/graph/weights.h"

#include <math.h>

/* Returns the matrix. */
static const tl_real *expand(tl_variable *v)
{
    static tl_real y[6];
    tl_real *x = tl_variable_data(v);
    if (!tl_variable_is_sparse(v)) {
        memcpy(y, x, sizeof y);
        return y;
    }
    tl_real *whole = tl_test_expand(tl_variable_pattern(v), x);
    memcpy(y, whole, sizeof y);
    free(whole);
    return y;
}

/* From A (or dense) to B (or dense). */
static const struct {
    int from, to;
    bool keep, drop;
    double y[6];
    int pattern; /* that it has then: 0 none, 1 A, 2 B */
    int converted, new_patterns, kept_patterns, dropped, filled;
    double squares;
    const char *refused; /* without drop */
} conversions[] = {
    { DENSE, DENSE, false, false, { 1, 2, 3, 4, 5, 6 }, 0, 0, 0, 0, 0, 0, 0, NULL },
    { SPARSE, SPARSE, false, false, { 1, 0, 3, 0, 5, 0 }, 1, 0, 1, 0, 0, 0, 0, NULL },
    { SPARSE,
      SPARSE,
      true,
      true,
      { 1, 0, 0, 0, 5, 0 },
      2,
      0,
      0,
      1,
      1,
      2,
      9,
      "w: 1 values off its pattern are not 0 (drop)" },
    { MASKED, SPARSE, false, false, { 1, 0, 3, 0, 5, 0 }, 1, 1, 1, 0, 0, 0, 0, NULL },
    { MASKED,
      SPARSE,
      true,
      true,
      { 1, 0, 0, 0, 5, 0 },
      2,
      1,
      0,
      1,
      1,
      0,
      9,
      "w: 1 values off its pattern are not 0 (drop)" },
    { DENSE,
      SPARSE,
      false,
      true,
      { 1, 2, 0, 0, 5, 6 },
      2,
      1,
      0,
      0,
      2,
      0,
      25,
      "w: 2 values off its pattern are not 0 (drop)" },
    { SPARSE, DENSE, false, false, { 1, 0, 3, 0, 5, 0 }, 0, 1, 0, 0, 0, 0, 0, NULL },
    { SPARSE, MASKED, false, false, { 1, 0, 3, 0, 5, 0 }, 1, 1, 1, 0, 0, 0, 0, NULL },
    { SPARSE,
      MASKED,
      true,
      true,
      { 1, 0, 0, 0, 5, 0 },
      2,
      1,
      0,
      1,
      1,
      2,
      9,
      "w: 1 values off its pattern are not 0 (drop)" },
    { MASKED, DENSE, false, false, { 1, 0, 3, 0, 5, 0 }, 1, 1, 1, 0, 0, 0, 0, NULL },
    { MASKED, DENSE, true, false, { 1, 0, 3, 0, 5, 0 }, 0, 1, 0, 0, 0, 0, 0, NULL },
    { MASKED, MASKED, false, false, { 1, 0, 3, 0, 5, 0 }, 1, 0, 1, 0, 0, 0, 0, NULL },
    { MASKED,
      MASKED,
      true,
      true,
      { 1, 0, 0, 0, 5, 0 },
      2,
      0,
      0,
      1,
      1,
      2,
      9,
      "w: 1 values off its pattern are not 0 (drop)" },
    { DENSE,
      MASKED,
      false,
      true,
      { 1, 2, 0, 0, 5, 6 },
      2,
      1,
      0,
      0,
      2,
      0,
      25,
      "w: 2 values off its pattern are not 0 (drop)" },
};

START_TEST(conversion)
{
    tl_pattern *patterns[] = { NULL, pattern_a(), pattern_b() };
    tl_variable *v = make(conversions[_i].from, pattern_a(), 1),
                *w = make(conversions[_i].to, pattern_b(), 100);
    ck_assert_ok(tl_weights_save(path, &v, 1));
    tl_load_options o = { .keep_pattern = conversions[_i].keep };
    if (conversions[_i].refused)
        assert_fails(&w, 1, &o, conversions[_i].refused);
    o.drop = conversions[_i].drop;
    tl_load_report r;
    ck_assert_ok(tl_weights_load(path, &w, 1, &o, &r));
    const tl_real *y = expand(w);
    for (int k = 0; k < 6; k++)
        ck_assert(y[k] == (tl_real)conversions[_i].y[k]);
    const tl_pattern *p = tl_variable_pattern(w), *expected = patterns[conversions[_i].pattern];
    ck_assert(expected ? p && tl_pattern_equal(p, expected) : !p);
    ck_assert_int_eq(r.loaded, 1);
    ck_assert_int_eq(r.converted, conversions[_i].converted);
    ck_assert_int_eq(r.new_patterns, conversions[_i].new_patterns);
    ck_assert_int_eq(r.kept_patterns, conversions[_i].kept_patterns);
    ck_assert_int_eq(r.dropped, conversions[_i].dropped);
    ck_assert_int_eq(r.filled, conversions[_i].filled);
    ck_assert(r.dropped_norm == sqrt(conversions[_i].squares));
    const bool said = r.converted + r.new_patterns + r.kept_patterns + (int)r.dropped + (int)r.filled > 0;
    ck_assert_msg(said == (r.text[0] != '\0'), "%s", r.text);
    tl_variable_free(v);
    tl_variable_free(w);
    for (int k = 0; k < 3; k++)
        tl_pattern_release(patterns[k]);
}
END_TEST

START_TEST(report_text)
{
    tl_variable *v = make(DENSE, pattern_a(), 1), *w = make(SPARSE, pattern_b(), 1);
    tl_load_report r;
    ck_assert_ok(tl_weights_save(path, &v, 1));
    ck_assert_ok(tl_weights_load(path, &w, 1, &(tl_load_options){ .drop = true }, &r));
    ck_assert_str_eq(r.text, "w: 2 values dropped, of norm 5\nw: dense in the file, sparse here\n");
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* Slots of an optimizer move with the pattern, and averages of new connections start at their values. */
START_TEST(companions_follow)
{
    tl_variable *v = make(SPARSE, pattern_a(), 1), *w = make(SPARSE, pattern_b(), 1);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .momentum = 0.5, .learning_rate = 1 });
    tl_ema *e = tl_ema_new((tl_ema_options){ 0 });
    tl_graph *g = tl_graph_new();
    ck_assert_ok(tl_ema_add(e, w));
    tl_node *dense = tl_sparse_to_dense(tl_use(g, w), NULL);
    ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_mul(dense, dense), TL_ALL_AXES)));
    tl_graph_reset(g);
    ck_assert_values(tl_optimizer_slot(o, w, 0), 4, 0, 2, 4, 10, 12);
    ck_assert_ok(tl_weights_save(path, &v, 1));
    ck_assert_ok(tl_weights_load(path, &w, 1, NULL, NULL));
    ck_assert_values(tl_variable_data(w), 3, 0, 1, 3, 5);
    ck_assert_values(tl_optimizer_slot(o, w, 0), 3, 0, 2, 0, 10);
    ck_assert_values(tl_ema_values(e, w), 3, 0, 1, 3, 5);
    ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_sparse_to_dense(tl_use(g, w), NULL), TL_ALL_AXES)));
    ck_assert_values(tl_variable_data(w), 3, 0, -1, 2, -1);
    tl_graph_free(g);
    tl_ema_free(e);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* Writes one tensor `w` of these sizes. */
static void put_tensor(tl_safetensors_type type, int32_t rank, const int64_t *dim, int64_t size, void *data)
{
    tl_safetensor t = { .name = "w", .type = type, .rank = rank, .dim = dim, .size = size, .data = data };
    ck_assert_ok(tl_safetensors_write(path, &(tl_safetensors){ .n = 1, .tensor = &t }));
}

START_TEST(number_types)
{
    static const int64_t dim[] = { 3 };
    double wide[] = { 1, 0.1, -3 };
    float single[] = { 1, 0.5F, -3 };
    uint16_t half[] = { 0x3c00, 0xc000, 0x0001 }, brain[] = { 0x3f80, 0xc000, 0x4040 };
    int32_t integer[] = { 1, 2, 3 };
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(3));
    tl_load_report r;
    put_tensor(TL_SAFETENSORS_I32, 1, dim, 3, integer);
    assert_fails(&w, 1, NULL, "w is I32 in the file");
    put_tensor(TL_SAFETENSORS_F16, 1, dim, 3, half);
    ck_assert_ok(tl_weights_load(path, &w, 1, NULL, &r));
    ck_assert_values(tl_variable_data(w), 3, 0, 1, -2, 0x1p-24);
    ck_assert_int_eq(r.widened, 1);
    put_tensor(TL_SAFETENSORS_BF16, 1, dim, 3, brain);
    ck_assert_ok(tl_weights_load(path, &w, 1, NULL, &r));
    ck_assert_values(tl_variable_data(w), 3, 0, 1, -2, 3);
    put_tensor(TL_SAFETENSORS_F32, 1, dim, 3, single);
    ck_assert_ok(tl_weights_load(path, &w, 1, NULL, &r));
    ck_assert_values(tl_variable_data(w), 3, 0, 1, 0.5, -3);
    ck_assert_int_eq(r.widened, TL_IS_DOUBLE);
    put_tensor(TL_SAFETENSORS_F64, 1, dim, 3, wide);
    if (!TL_IS_DOUBLE)
        assert_fails(&w, 1, NULL, "w is F64 in the file and F32 here (narrow)");
    ck_assert_ok(tl_weights_load(path, &w, 1, &(tl_load_options){ .narrow = true }, &r));
    ck_assert(tl_variable_data(w)[1] == (tl_real)0.1);
    ck_assert_int_eq(r.narrowed, !TL_IS_DOUBLE);
    wide[0] = 1e300;
    wide[1] = (double)INFINITY;
    put_tensor(TL_SAFETENSORS_F64, 1, dim, 3, wide);
    if (!TL_IS_DOUBLE)
        assert_fails(&w, 1, &(tl_load_options){ .narrow = true }, "w: 1 values are too large for float");
    tl_variable_free(w);
}
END_TEST

/* A file of another program: 64-bit indices, no sizes, no checksums. */
START_TEST(foreign_sparse)
{
    static const int64_t three[] = { 3 }, four[] = { 4 };
    int64_t crow[] = { 0, 2, 2, 3 }, col[] = { 0, 3, 1 };
    tl_real values[] = { 1, 2, 3 };
    tl_safetensor t[] = {
        { .name = "w.crow_indices",
          .type = TL_SAFETENSORS_I64,
          .rank = 1,
          .dim = four,
          .size = 4,
          .data = crow },
        { .name = "w.col_indices",
          .type = TL_SAFETENSORS_I64,
          .rank = 1,
          .dim = three,
          .size = 3,
          .data = col },
        { .name = "w.values",
          .type = TL_IS_DOUBLE ? TL_SAFETENSORS_F64 : TL_SAFETENSORS_F32,
          .rank = 1,
          .dim = three,
          .size = 3,
          .data = values },
    };
    const tl_safetensors s = { .n = 3, .tensor = t };
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(3, 4)), *narrow = tl_variable_dense("w", TL_SHAPE(3, 3));
    ck_assert_ok(tl_safetensors_write(path, &s));
    ck_assert_ok(tl_weights_load(path, &w, 1, NULL, NULL));
    ck_assert_values(tl_variable_data(w), 12, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0);
    static const char *const text[] = {
        "w.crow_indices: pattern_from_csr: row 0, entry 1: column 3 is not in [0, 3)",
        "w.crow_indices: pattern_from_csr: row 1 ends at 2, before its start 1000",
        "w.crow_indices ends in 4, expected 3 entries",
        "w.col_indices: entry 1: column -9223372036854775808 is not in [0, 4)",
        "w: found 2 values, expected 3",
        "w: there is but a part of .crow_indices, .col_indices and .values",
    };
    for (int k = 0; k < 6; k++) {
        tl_safetensors bad = s;
        crow[1] = k == 1 ? 1000 : 2;
        crow[3] = k == 2 ? 4 : 3;
        col[1] = k == 3 ? INT64_MIN : 3;
        static const int64_t two[] = { 2 };
        t[2].dim = k == 4 ? two : three;
        t[2].size = k == 4 ? 2 : 3;
        bad.n = k == 5 ? 2 : 3;
        ck_assert_ok(tl_safetensors_write(path, &bad));
        ck_assert_int_eq(tl_weights_load(path, k == 0 ? &narrow : &w, 1, NULL, NULL), TL_ERR_FORMAT);
        ck_assert_msg(strstr(tl_error(), text[k]), "%s", tl_error());
    }
    ck_assert_values(tl_variable_data(w), 12, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0);
    tl_variable_free(w);
    tl_variable_free(narrow);
}
END_TEST

/* In every conversion. */
START_TEST(failing_allocations)
{
    tl_variable *v = make(conversions[_i].from, pattern_a(), 1),
                *w = make(conversions[_i].to, pattern_b(), 100);
    tl_real before[6];
    const int64_t size = tl_variable_size(w);
    memcpy(before, tl_variable_data(w), (size_t)size * sizeof *before);
    ck_assert_ok(tl_weights_save(path, &v, 1));
    const tl_load_options o = { .keep_pattern = conversions[_i].keep, .drop = conversions[_i].drop };
    int64_t k = 1;
    for (tl_status status = TL_ERR_MEMORY; status != TL_OK; k++) {
        const int64_t live = tl_test_live_blocks();
        tl_test_fail_allocation(k);
        status = tl_weights_load(path, &w, 1, &o, NULL);
        tl_test_fail_allocation(0);
        if (status == TL_OK)
            break;
        ck_assert_int_eq(status, TL_ERR_MEMORY);
        ck_assert_int_eq(tl_test_live_blocks(), live);
        ck_assert_int_eq(tl_variable_size(w), size);
        ck_assert_same(tl_variable_data(w), before, size);
    }
    ck_assert_int_gt(k, 10);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("weights_convert");
    TCase *c = tl_test_case(s, "weights_convert");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, conversion, 0, sizeof conversions / sizeof *conversions);
    tcase_add_test(c, report_text);
    tcase_add_test(c, companions_follow);
    tcase_add_test(c, number_types);
    tcase_add_test(c, foreign_sparse);
    tcase_add_loop_test(c, failing_allocations, 0, sizeof conversions / sizeof *conversions);
    return s;
}
