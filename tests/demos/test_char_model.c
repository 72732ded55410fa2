/* Parts of the demo char_model: the trigram model and the grammar that it compares with, and the networks'
 * states. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "grammar.h"
#include "predictor.h"
#include "trigram.h"

static void check_near(double found, double expected)
{
    ck_assert_msg(fabs(found - expected) < 1e-12, "%.17g, not %.17g", found, expected);
}

/* ---- The trigram model ---- */

enum { A, B, C, LETTERS };

/* Counts "abac": a twice, b and c once; ab, ba, ac; aba, bac. */
static trigrams count_abac(void)
{
    static const int32_t text[] = { A, B, A, C };
    trigrams m;
    ck_assert(trigram_make(&m, text, 4, LETTERS));
    return m;
}

START_TEST(probabilities_by_hand)
{
    /* p(a) = (2 + 3 / 3) / (4 + 3) = 3/7, p(b) = p(c) = 2/7; p(b | a) = p(c | a) = (1 + 2 2/7) / 4 = 11/28,
     * p(a | a) = 2 3/7 / 4 = 6/28; p(a | b) = (1 + 3/7) / 2 = 5/7, p(b | b) = p(c | b) = 1/7. */
    static const int32_t ab[LETTERS][3] = { { A, B, A }, { A, B, B }, { A, B, C } };
    static const int32_t ba[LETTERS][3] = { { B, A, A }, { B, A, B }, { B, A, C } };
    trigrams m = count_abac();
    check_near(trigram_probability(&m, ab[A] + 2), (1 + 5. / 7) / 2);
    check_near(trigram_probability(&m, ab[B] + 2), 1. / 14);
    check_near(trigram_probability(&m, ab[C] + 2), 1. / 14);
    check_near(trigram_probability(&m, ba[A] + 2), 3. / 28);
    check_near(trigram_probability(&m, ba[B] + 2), 11. / 56);
    check_near(trigram_probability(&m, ba[C] + 2), (1 + 11. / 28) / 2);
    trigram_free(&m);
}
END_TEST

START_TEST(unseen_contexts_are_shortened)
{
    static const int32_t cb[] = { C, B, A }, bc[] = { B, C, A };
    trigrams m = count_abac();
    check_near(trigram_probability(&m, cb + 2), 5. / 7); /* p(a | b) */
    check_near(trigram_probability(&m, bc + 2), 3. / 7); /* p(a) */
    trigram_free(&m);
}
END_TEST

START_TEST(nothing_learned_is_uniform)
{
    static const int32_t text[] = { A, B, C };
    trigrams m;
    ck_assert(trigram_make(&m, text, 0, LETTERS));
    check_near(trigram_probability(&m, text + 2), 1. / 3);
    trigram_free(&m);
}
END_TEST

START_TEST(bits_are_a_mean)
{
    static const int32_t text[] = { A, B, A, C };
    trigrams m = count_abac();
    check_near(trigram_bits(&m, text, 2, 4), (log2(7. / 6) + log2(56. / 39)) / 2);
    trigram_free(&m);
}
END_TEST

/* The largest character that a key has space for is the last of its neighbours. */
START_TEST(large_characters)
{
    enum { LARGEST = (1 << 21) - 1 };
    static const int32_t text[] = { LARGEST, LARGEST, LARGEST, A };
    trigrams m;
    ck_assert(trigram_make(&m, text, 3, LARGEST));
    check_near(trigram_probability(&m, text + 3), 1. / LARGEST / 4 / 3 / 2);
    trigram_free(&m);
}
END_TEST

START_TEST(probabilities_sum_to_one)
{
    int32_t text[500];
    uint32_t random = 1;
    for (int k = 0; k < 500; k++) {
        random = random * 1664525 + 1013904223;
        text[k] = (int32_t)(random >> 24) % 7;
    }
    trigrams m;
    ck_assert(trigram_make(&m, text, 300, 8));
    for (int k = 2; k < 500; k++) {
        int32_t at[] = { text[k - 2], text[k - 1], 0 };
        double sum = 0;
        for (at[2] = 0; at[2] < 8; at[2]++)
            sum += trigram_probability(&m, at + 2);
        check_near(sum, 1);
    }
    trigram_free(&m);
}
END_TEST

/* ---- The grammar ---- */

enum { WRITTEN = 50000 };

static char text[WRITTEN + 1];
static double bits[WRITTEN];

START_TEST(brackets_match)
{
    char open[64];
    int n = 0, deepest = 0;
    grammar_write(text, bits, WRITTEN, 1);
    for (const char *at = text; *at; at++)
        if (strchr("([{", *at)) {
            ck_assert_int_lt(n, 3);
            open[n++] = *at;
            deepest = n > deepest ? n : deepest;
        } else if (strchr(")]}", *at)) {
            ck_assert_int_gt(n, 0);
            const char last = open[--n];
            ck_assert_int_eq(*at, last == '(' ? ')' : last == '[' ? ']' : '}');
        } else if (*at == '\n') {
            ck_assert_int_eq(n, 0);
        }
    ck_assert_int_eq(deepest, 3);
}
END_TEST

START_TEST(sums_are_right)
{
    int n = 0;
    grammar_write(text, bits, WRITTEN, 2);
    for (const char *at = strchr(text, '+'); at && text + WRITTEN - at > 8; at = strchr(at + 1, '+'), n++) {
        ck_assert_int_eq(at[2], '=');
        ck_assert_int_eq(strtol(at + 3, NULL, 10), at[-1] - '0' + at[1] - '0');
    }
    ck_assert_int_gt(n, 100);
}
END_TEST

/* A noun that ends in s is plural, and a verb that does is singular. */
START_TEST(verbs_agree_with_the_first_noun)
{
    int n = 0, far = 0;
    grammar_write(text, bits, WRITTEN, 3);
    for (const char *at = strstr(text, "the "); at; at = strstr(at, "the ")) {
        const char *end = strchr(at, '.'), *noun_end = strpbrk(at + 4, " ");
        if (!end)
            break;
        ck_assert_msg((noun_end[-1] == 's') != (end[-1] == 's'), "%.*s", (int)(end - at), at);
        far += end - noun_end > 20;
        n++;
        at = end;
    }
    ck_assert_int_gt(n, 300);
    ck_assert_int_gt(far, 50);
}
END_TEST

/* Of every text that begins alike the bits so far are the same, and no choice is free. */
START_TEST(bits_are_of_choices)
{
    double sum = 0;
    grammar_write(text, bits, WRITTEN, 4);
    for (int k = 0; k < WRITTEN; k++) {
        ck_assert(bits[k] >= 0);
        sum += bits[k];
        if (text[k] == '+')
            check_near(bits[k], 0); /* all choices of a sum are digits */
    }
    ck_assert(sum / WRITTEN > 0.5 && sum / WRITTEN < 1.5);
}
END_TEST

/* ---- The networks ---- */

enum { STREAMS = 3, TIME = 8, HALF = TIME / 2, UNITS = 5, LAYERS = 2 };

/* Checks that two windows have the scores of one, which is twice as long. */
static void check_states(predictor_cell cell)
{
    const predictor_options o = {
        .cell = cell, .units = UNITS, .layers = LAYERS, .window = TIME, .density = 0.5
    };
    const int64_t half = HALF * STREAMS * LETTERS;
    tl_random rng = { .seed = 1 };
    tl_real state[2 * LAYERS * STREAMS * UNITS] = { 0 }, whole[2 * HALF * STREAMS * LETTERS];
    int32_t ids[TIME * STREAMS];
    predictor p;
    for (int k = 0; k < TIME * STREAMS; k++)
        ids[k] = (int32_t)tl_random_integer(&rng, LETTERS);
    tl_graph *g = tl_graph_new();
    ck_assert(predictor_make(&p, &o, LETTERS, &rng));
    memcpy(whole, tl_value(predictor_scores(&p, g, ids, STREAMS, TIME, state)), sizeof whole);
    tl_graph_reset(g);
    for (int k = 0; k < 2; k++) {
        const tl_real *score = tl_value(
            predictor_scores(&p, g, ids + k * HALF * STREAMS, STREAMS, HALF, state));
        for (int64_t i = 0; i < half; i++)
            ck_assert(fabs((double)(score[i] - whole[k * half + i])) < 1e-5);
        predictor_keep_states(&p, state);
        tl_graph_reset(g);
    }
    tl_graph_free(g);
    predictor_free(&p);
}

START_TEST(states_of_a_gru_go_on)
{
    check_states(GRU);
}
END_TEST

START_TEST(states_of_an_lstm_go_on)
{
    check_states(LSTM);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("char_model");
    TCase *c = tcase_create("char_model");
    tcase_add_test(c, probabilities_by_hand);
    tcase_add_test(c, unseen_contexts_are_shortened);
    tcase_add_test(c, nothing_learned_is_uniform);
    tcase_add_test(c, bits_are_a_mean);
    tcase_add_test(c, large_characters);
    tcase_add_test(c, probabilities_sum_to_one);
    tcase_add_test(c, brackets_match);
    tcase_add_test(c, sums_are_right);
    tcase_add_test(c, verbs_agree_with_the_first_noun);
    tcase_add_test(c, bits_are_of_choices);
    tcase_add_test(c, states_of_a_gru_go_on);
    tcase_add_test(c, states_of_an_lstm_go_on);
    suite_add_tcase(s, c);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
