/* The text that char_model makes: sentences, sums and brackets. */
#ifndef GRAMMAR_H
#define GRAMMAR_H

#include <stdint.h>

/* Writes n characters of ASCII, and for each the bits of the choices that it tells: the logarithms to base 2
 * of 1 / probability. No model can have fewer bits per character in the long run.
 *
 *     text     = item newline, again and again
 *     item     = sentence | sum | bracket item (space item)* bracket
 *     sentence = noun_phrase space verb "."
 *     noun_phrase = "the " noun [" that " verb space noun_phrase]
 *     sum      = digit "+" digit "=" number "."
 *
 * A verb agrees in number with its noun, which may be many words before it; brackets are of three kinds and
 * match; sums are right. */
void grammar_write(char *text, double *bits, int64_t n, uint64_t seed);

#endif
