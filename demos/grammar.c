/* Choices are drawn, and each adds its bits to the next character. */
#include "grammar.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <tulle/tulle.h>

enum { MOST_BRACKETS = 3, MOST_CLAUSES = 2 }; /* inside each other */

typedef struct writer {
    char *text;
    double *bits;
    int64_t at, n;
    double pending; /* bits of choices since the last character */
    tl_random rng;
} writer;

static void write_char(writer *w, char letter)
{
    if (w->at == w->n)
        return;
    w->text[w->at] = letter;
    w->bits[w->at++] = w->pending;
    w->pending = 0;
}

static void write_text(writer *w, const char *text)
{
    for (; *text; text++)
        write_char(w, *text);
}

/* Returns one of 0 .. n-1. */
static int choose(writer *w, int n)
{
    w->pending += log2(n);
    return (int)tl_random_integer(&w->rng, n);
}

static bool decide(writer *w, double probability)
{
    const bool yes = tl_random_uniform(&w->rng) < probability;
    w->pending -= log2(yes ? probability : 1 - probability);
    return yes;
}

/* ---- Sentences ---- */

static const char *const nouns[] = { "cat",     "dog",    "girl",   "boy",   "king",  "bird",
                                     "horse",   "farmer", "sailor", "robot", "pilot", "queen",
                                     "teacher", "tiger",  "lion",   "doctor" };
static const char *const verbs[] = { "sleep", "sing", "run", "dance", "swim", "wait", "work", "play" };
static const char *const verbs_of_two[] = { "see", "know", "like", "help", "call", "hear", "follow", "meet" };

#define CHOOSE(w, list) (list)[choose(w, (int)(sizeof(list) / sizeof *(list)))]

/* Writes a noun phrase. Returns whether it is plural. */
static bool write_noun_phrase(writer *w, int clauses)
{
    write_text(w, "the ");
    write_text(w, CHOOSE(w, nouns));
    const bool plural = decide(w, 0.5);
    write_text(w, plural ? "s" : "");
    if (clauses < MOST_CLAUSES && decide(w, 0.35)) {
        write_text(w, " that ");
        write_text(w, CHOOSE(w, verbs_of_two));
        write_text(w, plural ? " " : "s ");
        write_noun_phrase(w, clauses + 1);
    }
    return plural;
}

static void write_sentence(writer *w)
{
    const bool plural = write_noun_phrase(w, 0);
    write_text(w, " ");
    write_text(w, CHOOSE(w, verbs));
    write_text(w, plural ? "." : "s.");
}

static void write_sum(writer *w)
{
    char text[8];
    const int a = choose(w, 10);
    write_char(w, (char)('0' + a));
    write_char(w, '+');
    const int b = choose(w, 10);
    snprintf(text, sizeof text, "%d=%d.", b, a + b);
    write_text(w, text);
}

static void write_item(writer *w, int brackets)
{
    static const char *const pairs[] = { "()", "[]", "{}" };
    if (brackets < MOST_BRACKETS && decide(w, 0.25)) {
        const char *pair = CHOOSE(w, pairs);
        write_char(w, pair[0]);
        write_item(w, brackets + 1);
        while (decide(w, 0.4)) {
            write_char(w, ' ');
            write_item(w, brackets + 1);
        }
        write_char(w, pair[1]);
    } else if (decide(w, 0.25)) {
        write_sum(w);
    } else {
        write_sentence(w);
    }
}

void grammar_write(char *text, double *bits, int64_t n, uint64_t seed)
{
    writer w = { text, bits, 0, n, 0, { .seed = seed } };
    while (w.at < n) {
        write_item(&w, 0);
        write_char(&w, '\n');
    }
}
