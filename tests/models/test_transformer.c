/* A transformer block whose feed-forward layer is sparse learns to spell a text: embeddings of characters and
 * positions, causal attention, layer norms, residual connections, all of the library's ops. */
#include "tests/models/models.h"

#include <math.h>
#include <string.h>

enum { TIME = 24, WIDTH = 32, HIDDEN = 64, HEADS = 4, CHARS = 128, BATCH = 16, STEPS = 300 };

static const char text[] =
    "A connection that is removed for good has no weight, no gradient and no slot in an optimizer. It is not "
    "multiplied by zero: it does not exist, and nothing brings it back, neither momentum nor weight decay. "
    "What "
    "is left costs what it counts, so that a layer of which one connection in ten exists takes a tenth of "
    "the "
    "time and of the memory of a layer that has them all, and the same sums come out on any number of "
    "threads. ";

typedef struct block {
    model m;
    tl_variable *chars, *positions, *gain[3], *shift[3], *query, *key, *value, *out, *up, *up_bias, *down,
        *down_bias;
    tl_variable *scores;
} block;

static void make_block(block *b)
{
    *b = (block){ .m = { .rng = { .seed = 3 } } };
    b->chars = dense_weights(&b->m, "chars", CHARS, WIDTH);
    b->positions = dense_weights(&b->m, "positions", TIME, WIDTH);
    for (int k = 0; k < 3; k++) {
        b->gain[k] = vector(&b->m, "gain", WIDTH, 1);
        b->shift[k] = vector(&b->m, "shift", WIDTH, 0);
    }
    b->query = dense_weights(&b->m, "query", WIDTH, WIDTH);
    b->key = dense_weights(&b->m, "key", WIDTH, WIDTH);
    b->value = dense_weights(&b->m, "value", WIDTH, WIDTH);
    b->out = dense_weights(&b->m, "out", WIDTH, WIDTH);
    b->up = sparse_weights(&b->m, "up", WIDTH, HIDDEN, 0.25);
    b->up_bias = vector(&b->m, "up_bias", HIDDEN, 0);
    b->down = sparse_weights(&b->m, "down", HIDDEN, WIDTH, 0.25);
    b->down_bias = vector(&b->m, "down_bias", WIDTH, 0);
    b->scores = dense_weights(&b->m, "scores", WIDTH, CHARS);
}

static tl_node *norm(tl_graph *g, const block *b, int k, tl_node *x)
{
    return tl_layer_norm(x, tl_use(g, b->gain[k]), tl_use(g, b->shift[k]), 1e-5);
}

/* Returns a score for each character to follow each of n x TIME ids. */
static tl_node *predict(tl_graph *g, const block *b, const int32_t *ids, int64_t n)
{
    tl_node *x = tl_embedding_lookup(tl_use(g, b->chars), ids, TL_SHAPE(n, TIME));
    x = tl_add(x, tl_use(g, b->positions));
    tl_node *h = norm(g, b, 0, x);
    tl_node *q = tl_matmul(h, tl_use(g, b->query)), *k = tl_matmul(h, tl_use(g, b->key));
    tl_node *v = tl_matmul(h, tl_use(g, b->value));
    h = tl_attention(q, k, v, &(tl_attention_options){ .heads = HEADS, .causal = true });
    x = tl_add(x, tl_matmul(h, tl_use(g, b->out)));
    h = tl_gelu(tl_linear(norm(g, b, 1, x), tl_use(g, b->up), tl_use(g, b->up_bias)));
    x = tl_add(x, tl_linear(h, tl_use(g, b->down), tl_use(g, b->down_bias)));
    return tl_matmul(norm(g, b, 2, x), tl_use(g, b->scores));
}

/* Copies n random pieces of the text, and what follows each of their characters. */
static void draw(tl_random *rng, int64_t n, int32_t *ids, int32_t *next)
{
    for (int64_t i = 0; i < n * TIME; i += TIME) {
        const char *from = text + tl_random_integer(rng, sizeof text - 1 - TIME);
        for (int t = 0; t < TIME; t++) {
            ids[i + t] = from[t];
            next[i + t] = from[t + 1];
        }
    }
}

/* Returns the mean of -log p(next character | this one) over the text, p as often as it is there: no model
 * that looks back one character only can do better. */
static double pairs_entropy(void)
{
    static double pair[CHARS][CHARS], single[CHARS];
    const int n = (int)sizeof text - 2;
    double sum = 0;
    for (int k = 0; k < n; k++) {
        pair[(int)text[k]][(int)text[k + 1]]++;
        single[(int)text[k]]++;
    }
    for (int k = 0; k < n; k++)
        sum -= log(pair[(int)text[k]][(int)text[k + 1]] / single[(int)text[k]]);
    return sum / n;
}

/* Trains for some steps, and returns the last loss. */
static double train(block *b, int steps)
{
    int32_t ids[BATCH * TIME], next[BATCH * TIME];
    tl_random rng = { .seed = 11 };
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 5e-3 });
    tl_graph *g = tl_graph_new();
    double last = NAN;
    for (int step = 0; step < steps; step++) {
        draw(&rng, BATCH, ids, next);
        tl_node *loss = tl_softmax_cross_entropy(predict(g, b, ids, BATCH), next);
        ck_assert_ok(tl_minimize(adam, loss));
        last = (double)tl_value(loss)[0];
        tl_graph_reset(g);
    }
    tl_graph_free(g);
    tl_optimizer_free(adam);
    return last;
}

START_TEST(spells_better_than_pairs_of_characters)
{
    block b;
    make_block(&b);
    const double loss = train(&b, STEPS);
    ck_assert_msg(loss < 0.6 * pairs_entropy(), "loss %g, pairs %g", loss, pairs_entropy());
    free_model(&b.m);
}
END_TEST

START_TEST(does_not_look_ahead)
{
    int32_t ids[2 * TIME], next[2 * TIME];
    tl_random rng = { .seed = 5 };
    block b;
    make_block(&b);
    draw(&rng, 1, ids, next);
    memcpy(ids + TIME, ids, TIME * sizeof *ids);
    ids[TIME + TIME / 2] = '#';
    tl_graph *g = tl_graph_new_inference();
    const tl_real *score = tl_value(predict(g, &b, ids, 2));
    ck_assert_msg(score != NULL, "%s", tl_error());
    const int64_t same = TIME / 2 * CHARS, all = TIME * CHARS;
    ck_assert_same(score + all, score, same);
    ck_assert_int_ne(memcmp(score + all + same, score + same, CHARS * sizeof *score), 0);
    ck_assert_int_ne(memcmp(score + 2 * all - CHARS, score + all - CHARS, CHARS * sizeof *score), 0);
    tl_graph_free(g);
    free_model(&b.m);
}
END_TEST

#ifndef NO_THREADS_AFTER_FORK
START_TEST(same_bits_on_any_number_of_threads)
{
    const int threads[] = { 1, 2, 7 };
    tl_real first[WIDTH * CHARS];
    for (int k = 0; k < 3; k++) {
        block b;
        make_block(&b);
        ck_assert_ok(tl_set_num_threads(threads[k]));
        train(&b, 5);
        if (k == 0)
            memcpy(first, tl_variable_values(b.scores), sizeof first);
        ck_assert_same(tl_variable_values(b.scores), first, WIDTH * CHARS);
        free_model(&b.m);
    }
    ck_assert_ok(tl_set_num_threads(0));
}
END_TEST
#endif

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("transformer");
    TCase *tc = tl_test_case(s, "transformer");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, spells_better_than_pairs_of_characters);
    tcase_add_test(tc, does_not_look_ahead);
#ifndef NO_THREADS_AFTER_FORK
    tcase_add_test(tc, same_bits_on_any_number_of_threads);
#endif
    return s;
}
