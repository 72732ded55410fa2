/* Words: a text as numbers, with a vocabulary; read from a file, or made by the program. */
#ifndef WORDS_H
#define WORDS_H

#include <tulle/tulle.h>

/* The characters of a word that count, and what holds them in UTF-8. */
enum { LONGEST_WORD = 63, WORD_SIZE = 4 * LONGEST_WORD + 1 };

typedef struct words {
    int64_t n;       /* words of the text that are in the vocabulary */
    int32_t *text;   /* [n], each a place in the vocabulary */
    int32_t n_words; /* of the vocabulary: by count, the most frequent first */
    char **word;
    int64_t *count;
    int32_t topics; /* of a text that the program makes; otherwise 0 */
    int32_t *topic; /* [n_words] -1: none; NULL without topics */
} words;

/* Reads a text. A word is letters, digits, and bytes that are not ASCII; capital letters of ASCII become
 * small, and LONGEST_WORD characters count. Words that occur fewer than `least` times are left out. Without a
 * file (NULL) makes a text of sentences, each about one of some topics. On failure the reason is in
 * tl_error(), and words_free must still be called. */
bool words_get(words *w, const char *path, int64_t least);

/* Returns the bytes of the first n characters of a text in UTF-8; fewer than n are all of it. */
int bytes_of_characters(const char *text, int n);

/* Returns the place of a word, -1 if it is not in the vocabulary. */
int32_t words_find(const words *w, const char *word);

void words_free(words *w);

#endif
