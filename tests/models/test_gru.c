/* A gated recurrent unit, half of whose recurrent weights exist, learns to count: it spells "08 09 10 11"
 * character by character, past 99 as well. */
#include "tests/models/models.h"

#include <math.h>

enum { TIME = 18, BATCH = 32, CHARS = 11, SPACE = 10, EMBEDDING = 8, WIDTH = 48, STEPS = 400 };

typedef struct counter {
    model m;
    tl_variable *chars, *input, *input_bias, *state, *state_bias, *scores, *scores_bias;
} counter;

static void make_counter(counter *c)
{
    *c = (counter){ .m = { .rng = { .seed = 4 } } };
    c->chars = dense_weights(&c->m, "chars", CHARS, EMBEDDING);
    c->input = dense_weights(&c->m, "input", EMBEDDING, 3 * WIDTH);
    c->input_bias = vector(&c->m, "input_bias", 3 * WIDTH, 0);
    c->state = sparse_weights(&c->m, "state", WIDTH, 3 * WIDTH, 0.5);
    c->state_bias = vector(&c->m, "state_bias", 3 * WIDTH, 0);
    c->scores = dense_weights(&c->m, "scores", WIDTH, CHARS);
    c->scores_bias = vector(&c->m, "scores_bias", CHARS, 0);
}

/* Returns a score for each character to follow each of TIME x n ids, step by step: TIME n x CHARS. */
static tl_node *predict(tl_graph *g, const counter *c, const int32_t *ids, int64_t n)
{
    static const tl_real zero[WIDTH];
    tl_node *chars = tl_use(g, c->chars), *h = tl_input(g, TL_SHAPE(WIDTH), zero), *all[TIME];
    tl_node *w_x = tl_use(g, c->input), *b_x = tl_use(g, c->input_bias);
    tl_node *w_h = tl_use(g, c->state), *b_h = tl_use(g, c->state_bias);
    for (int t = 0; t < TIME; t++) {
        tl_node *x = tl_embedding_lookup(chars, ids + t * n, TL_SHAPE(n));
        all[t] = h = tl_gru_cell(x, h, w_x, w_h, b_x, b_h);
    }
    return tl_linear(tl_concat(all, TIME, 0), tl_use(g, c->scores), tl_use(g, c->scores_bias));
}

/* Returns the k-th character of a text that counts from a number below 100. */
static int32_t spell(int64_t from, int k)
{
    const int32_t number = (int32_t)((from + k / 3) % 100);
    return k % 3 == 0 ? number / 10 : k % 3 == 1 ? number % 10 : SPACE;
}

/* Spells column i from number from[i] on. What follows the first character is unknown: -1. */
static void write_down(const int64_t *from, int64_t n, int32_t *ids, int32_t *next)
{
    for (int t = 0; t < TIME; t++)
        for (int64_t i = 0; i < n; i++) {
            ids[t * n + i] = spell(from[i], t);
            next[t * n + i] = t == 0 ? -1 : spell(from[i], t + 1);
        }
}

static void train(counter *c)
{
    int32_t ids[TIME * BATCH], next[TIME * BATCH];
    int64_t from[BATCH];
    const tl_cross_entropy_options known = { .ignore = -1, .has_ignore = true };
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 1e-2 });
    tl_graph *g = tl_graph_new();
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < BATCH; i++)
            from[i] = tl_random_integer(&c->m.rng, 100);
        write_down(from, BATCH, ids, next);
        ck_assert_ok(
            tl_minimize(adam, tl_softmax_cross_entropy_with(predict(g, c, ids, BATCH), next, &known)));
        tl_graph_reset(g);
    }
    tl_graph_free(g);
    tl_optimizer_free(adam);
}

/* From each number: of the characters after the second, all but one in a hundred. */
START_TEST(counts)
{
    int32_t ids[TIME * 100], next[TIME * 100];
    int64_t from[100];
    counter c;
    make_counter(&c);
    train(&c);
    for (int i = 0; i < 100; i++)
        from[i] = i;
    write_down(from, 100, ids, next);
    tl_graph *g = tl_graph_new_inference();
    tl_node *scores = tl_slice(predict(g, &c, ids, 100), 0, 100, TIME * 100);
    const double right = accuracy(scores, next + 100, (TIME - 1) * 100);
    ck_assert_msg(right >= 0.99, "%g of the characters", right);
    tl_graph_free(g);
    free_model(&c.m);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("gru");
    TCase *tc = tl_test_case(s, "gru");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, counts);
    return s;
}
