/* Distinct texts, numbered from 0 in the order in which they come. */
#ifndef TL_TEXTS_H
#define TL_TEXTS_H

#include "base.h"

typedef struct tl_texts {
    int32_t n;
    int64_t capacity; /* of text and size */
    char **text;      /* [n], each ends in '\0'; they stay where they are */
    int64_t *size;    /* [n] bytes of each */
    int32_t *slot;    /* [n_slots] of a hash table: a number, or -1; a power of two of them */
    int64_t n_slots;
    struct tl_texts_block *block; /* where the texts are */
} tl_texts;

/* Returns the number of a text of n bytes, which is added if it is new. -1 if memory is short or there are
 * INT32_MAX already: no error is recorded. The bytes may be any. */
int32_t tl_texts_id(tl_texts *t, const char *text, int64_t n);

/* Frees all texts and zeroes *t. */
void tl_texts_free(tl_texts *t);

#endif
