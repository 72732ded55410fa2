/* Transforms beyond the mask and the global norm: clipping by value and by norm, scaling, noise, freezing,
 * centralizing. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

enum { N = 6 };

/* A dense 2x3, a sparse and a masked one on the same five places, a table read by rows; with gradients. */
typedef struct subject {
    tl_variable *v[4];
    tl_real values[4][N];
    int32_t rows[2];
    tl_gradient pair[4];
    tl_graph *g;
    tl_gradients all;
} subject;

enum { DENSE, SPARSE, MASKED, TABLE };

static void make(subject *s)
{
    const uint8_t keep[N] = { 1, 0, 1, 1, 1, 1 };
    tl_pattern *p = tl_pattern_from_mask(2, 3, keep);
    *s = (subject){ .g = tl_graph_new(), .rows = { 1, 3 } };
    s->v[DENSE] = tl_test_dense("dense", TL_SHAPE(2, 3), 1);
    s->v[SPARSE] = tl_test_sparse("sparse", tl_pattern_retain(p), 2);
    s->v[MASKED] = tl_variable_dense("masked", TL_SHAPE(2, 3));
    s->v[TABLE] = tl_test_dense("table", TL_SHAPE(5, 3), 3);
    ck_assert_ok(tl_variable_set_mask(s->v[MASKED], p));
    tl_pattern_release(p);
    for (int i = 0; i < 4; i++) {
        tl_test_fill(s->values[i], N, 10 + (uint64_t)i);
        s->pair[i] = (tl_gradient){ .variable = s->v[i], .values = s->values[i] };
    }
    s->pair[TABLE].rows = s->rows;
    s->pair[TABLE].n_rows = 2;
    s->all = (tl_gradients){ s->pair, 4, s->g };
}

static void drop(subject *s)
{
    for (int i = 0; i < 4; i++)
        tl_variable_free(s->v[i]);
    tl_graph_free(s->g);
}

/* Gives all pairs these values (of the sparse one the first five count). */
static void set(subject *s, const tl_real *values)
{
    for (int i = 0; i < 4; i++)
        memcpy(s->values[i], values, sizeof s->values[i]);
}

START_TEST(clip_by_value)
{
    subject s;
    make(&s);
    const tl_real values[N] = { -3, -1, -0.5f, 0, 2, NAN };
    tl_clip_range range = { -1, 0.25 };
    set(&s, values);
    ck_assert_ok(tl_clip_by_value(&s.all, &range));
    for (int i = 0; i < 4; i++)
        ck_assert_values(s.values[i], N, 0, -1, -1, -0.5, 0, 0.25, i == SPARSE ? (double)values[5] : NAN);
    set(&s, (tl_real[]){ INFINITY, -INFINITY, 1, -1, 0.125f, -0.0f });
    range = (tl_clip_range){ -0.0, INFINITY };
    ck_assert_ok(tl_clip_by_value(&s.all, &range));
    ck_assert_values(s.values[DENSE], N, 0, INFINITY, 0, 1, 0, 0.125, 0);
    const tl_clip_range bad[] = { { 1, 2 }, { -2, -1 }, { NAN, 1 }, { -1, NAN } };
    const char *text[] = { "clip_by_value: [1, 2] does not contain 0",
                           "clip_by_value: [-2, -1] does not contain 0",
                           "clip_by_value: [nan, 1] does not contain 0",
                           "clip_by_value: [-1, nan] does not contain 0" };
    set(&s, values);
    for (int k = 0; k < 4; k++) {
        range = bad[k];
        ck_assert_status(tl_clip_by_value(&s.all, &range), TL_ERR_ARGUMENT, text[k]);
    }
    ck_assert_status(tl_clip_by_value(&s.all, NULL), TL_ERR_ARGUMENT,
                     "clip_by_value: the context is not a tl_clip_range");
    ck_assert_same(s.values[DENSE], values, N);
    drop(&s);
}
END_TEST

/* Each gradient by its own norm; a small one stays to the bit. */
START_TEST(clip_by_norm)
{
    subject s;
    make(&s);
    tl_clip clip = { .max_norm = 10 };
    const tl_real three_four[N] = { 0, 3, 0, -4 };
    memcpy(s.values[DENSE], (tl_real[N]){ 12, 0, 16 }, sizeof s.values[0]); /* norm 20 */
    memcpy(s.values[SPARSE], three_four, sizeof s.values[0]);
    memcpy(s.values[MASKED], (tl_real[N]){ 6, 0, 8 }, sizeof s.values[0]); /* just 10 */
    memcpy(s.values[TABLE], (tl_real[N]){ 24, 0, 0, 0, 32, 0 }, sizeof s.values[0]);
    ck_assert_ok(tl_clip_by_norm(&s.all, &clip));
    ck_assert_values(s.values[DENSE], N, TL_NEAR, 6, 0, 8, 0, 0, 0);
    ck_assert_same(s.values[SPARSE], three_four, N);
    ck_assert_same(s.values[MASKED], ((tl_real[N]){ 6, 0, 8 }), N);
    ck_assert_values(s.values[TABLE], N, TL_NEAR, 6, 0, 0, 0, 8, 0);
    ck_assert_double_eq(clip.norm, 40); /* the largest */
    drop(&s);
}
END_TEST

/* A norm that is not finite is nobody's to scale by: that gradient stays, the others are clipped, and the
 * norm tells. */
START_TEST(norms_that_are_not_finite)
{
    const tl_real bad[] = { NAN, INFINITY };
    for (int k = 0; k < 4; k++) {
        subject s;
        make(&s);
        tl_clip clip = { .max_norm = 1 };
        set(&s, (tl_real[N]){ 3, 4 });
        s.values[k / 2 ? TABLE : SPARSE][2] = bad[k % 2];
        ck_assert_ok(tl_clip_by_norm(&s.all, &clip));
        ck_assert_values(s.values[DENSE], 2, TL_NEAR, 0.6, 0.8);
        ck_assert_values(s.values[MASKED], 2, TL_NEAR, 0.6, 0.8);
        ck_assert_values(s.values[k / 2 ? TABLE : SPARSE], 3, 0, 3, 4, (double)bad[k % 2]);
        ck_assert(k % 2 ? isinf(clip.norm) : isnan(clip.norm));
        drop(&s);
    }
}
END_TEST

START_TEST(scale)
{
    subject s;
    make(&s);
    double factor = -0.5;
    set(&s, (tl_real[N]){ 1, -2, 3, INFINITY, NAN, 0 });
    const tl_real last = s.values[SPARSE][5]; /* not part of the gradient */
    ck_assert_ok(tl_scale_gradients(&s.all, &factor));
    for (int i = 0; i < 4; i++)
        ck_assert_values(s.values[i], 5, 0, -0.5, 1, -1.5, -(double)INFINITY, NAN);
    ck_assert_same(&s.values[SPARSE][5], &last, 1);
    s.pair[DENSE].values = NULL; /* an absent one */
    ck_assert_ok(tl_scale_gradients(&s.all, &factor));
    ck_assert_values(s.values[DENSE], 3, 0, -0.5, 1, -1.5);
    ck_assert_values(s.values[TABLE], 3, 0, 0.25, -0.5, 0.75);
    ck_assert_status(tl_scale_gradients(&s.all, NULL), TL_ERR_ARGUMENT,
                     "scale_gradients: the factor is NULL");
    drop(&s);
}
END_TEST

/* The draws in order, of what is there: reproducible by the generator's position. */
START_TEST(noise_by_the_draw)
{
    subject s;
    make(&s);
    tl_noise noise = { .deviation = 0.5, .r = { .seed = 3, .position = 7 } };
    tl_random r = noise.r;
    tl_real before[4][N], zeros[N] = { 0 };
    memcpy(before, s.values, sizeof before);
    s.pair[DENSE].values = NULL;
    ck_assert_ok(tl_add_noise(&s.all, &noise));
    ck_assert_same(s.values[DENSE], before[DENSE], N);
    ck_assert_same(&s.values[SPARSE][5], &before[SPARSE][5], 1);
    for (int i = SPARSE; i <= TABLE; i++)
        for (int k = 0; k < (i == SPARSE ? 5 : N); k++) {
            before[i][k] += (tl_real)(0.5 * tl_random_normal(&r));
            ck_assert_same(&s.values[i][k], &before[i][k], 1);
        }
    ck_assert_int_eq((int64_t)noise.r.position, 7 + 5 + 6 + 6);
    set(&s, zeros);
    noise.deviation = 0;
    ck_assert_ok(tl_add_noise(&s.all, &noise));
    ck_assert_values(s.values[TABLE], N, 0, 0, 0, 0, 0, 0, 0);
    const char *text[] = { "add_noise: deviation -1 must be >= 0", "add_noise: deviation nan must be >= 0" };
    for (int k = 0; k < 2; k++) {
        noise.deviation = k == 0 ? -1 : NAN;
        ck_assert_status(tl_add_noise(&s.all, &noise), TL_ERR_ARGUMENT, text[k]);
    }
    ck_assert_status(tl_add_noise(&s.all, NULL), TL_ERR_ARGUMENT, "add_noise: the context is not a tl_noise");
    drop(&s);
}
END_TEST

START_TEST(moments_of_noise)
{
    enum { MANY = 40000 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(MANY));
    tl_real *values = calloc(MANY, sizeof *values);
    tl_noise noise = { .deviation = 0.2, .r = { .seed = 1 } };
    tl_gradients all = { &(tl_gradient){ .variable = v, .values = values }, 1, NULL };
    ck_assert_ok(tl_add_noise(&all, &noise));
    double mean = 0, square = 0;
    for (int k = 0; k < MANY; k++) {
        mean += (double)values[k] / MANY;
        square += (double)values[k] * (double)values[k] / MANY;
    }
    /* within four deviations of these means: 0.2 / sqrt(MANY) = 0.001, and 0.04 sqrt(2 / MANY) = 0.00028 */
    ck_assert_double_eq_tol(mean, 0, 0.004);
    ck_assert_double_eq_tol(square, 0.04, 0.0012);
    free(values);
    tl_variable_free(v);
}
END_TEST

/* In a step: the rows that a row-sparse gradient names move, no others; nor does what is off a mask. */
START_TEST(noise_in_a_step)
{
    subject s;
    make(&s);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_noise noise = { .deviation = 1, .r = { .seed = 5 } };
    tl_real before[15], zeros[N] = { 0 }, zero = 0;
    memcpy(before, tl_variable_data(s.v[TABLE]), sizeof before);
    set(&s, zeros);
    ck_assert_ok(tl_optimizer_add_transform(o, tl_add_noise, &noise));
    ck_assert_ok(tl_apply_gradients(o, &s.all));
    for (int k = 0; k < 15; k++)
        ck_assert_int_eq(tl_variable_data(s.v[TABLE])[k] != before[k], k / 3 == 1 || k / 3 == 3);
    for (int k = 0; k < N; k++)
        ck_assert_int_eq(tl_variable_data(s.v[MASKED])[k] != 0, k != 1);
    ck_assert_same(&tl_variable_data(s.v[MASKED])[1], &zero, 1);
    tl_optimizer_free(o);
    drop(&s);
}
END_TEST

/* Columns without values: none is visited. */
START_TEST(centralize_zero_beside_huge)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(0, (int64_t)1 << 50));
    tl_optimizer *o = tl_sgd((tl_sgd_options){ 0 });
    tl_graph *g = tl_graph_new();
    ck_assert_ok(tl_optimizer_add_transform(o, tl_centralize, NULL));
    ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_use(g, v), TL_ALL_AXES)));
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("transforms_more");
    TCase *c = tl_test_case(s, "transforms_more");
    tcase_add_test(c, clip_by_value);
    tcase_add_test(c, clip_by_norm);
    tcase_add_test(c, norms_that_are_not_finite);
    tcase_add_test(c, scale);
    tcase_add_test(c, noise_by_the_draw);
    tcase_add_test(c, moments_of_noise);
    tcase_add_test(c, noise_in_a_step);
    tcase_add_test(c, centralize_zero_beside_huge);
    return s;
}
