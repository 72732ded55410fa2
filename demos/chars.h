/* Characters: a text as numbers, with its vocabulary; read from a file, or made by the program. A character
 * is a code point of Unicode. */
#ifndef CHARS_H
#define CHARS_H

#include <tulle/tulle.h>

typedef struct chars {
    int64_t n,
        n_train;   /* characters; the first of them are to learn from, the last tenth, or 100000, held out */
    int32_t *text; /* [n], each a place in the vocabulary */
    int32_t n_codes; /* of the vocabulary: the characters of the whole text */
    int32_t *code;   /* [n_codes], ascending code points */
    double bits;     /* per held-out character, of the grammar that made the text; NaN for a file */
} chars;

/* Reads a text in UTF-8. Without a file (NULL) makes one by a grammar (grammar.h), from the seed. On failure
 * the reason is in tl_error(), and chars_free must still be called. */
bool chars_get(chars *c, const char *path, uint64_t seed);

/* Writes the places of the characters of a UTF-8 text to place[], which has space for one per byte. Returns
 * their number, or -1 with the reason in tl_error(), where `what` names the text. */
int64_t chars_find(const chars *c, const char *what, const char *text, int32_t *place);

/* Prints characters in lines of at most 80 columns, indented by two. Control characters become '?'. */
void chars_print(const chars *c, const int32_t *place, int64_t n);

void chars_free(chars *c);

#endif
