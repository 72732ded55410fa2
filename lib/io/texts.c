/* A hash table with open addressing, of at most half its slots. Texts are in blocks, so that they never
 * move. */
#include "lib/io/texts.h"
#include "lib/io/entries.h"
#include "lib/memory.h"

#include <string.h>

/* A file may have very many columns of few texts: tables and blocks are small at first. */
enum { FIRST_SLOTS = 8, PER_TEXT = 64, BLOCK = 1 << 15 };

struct tl_texts_block {
    struct tl_texts_block *next;
    int64_t used, capacity;
    char bytes[];
};

/* Mixes eight bytes at a time with MurmurHash's finalizer (Appleby 2016, public domain). */
static uint64_t hash(const char *text, int64_t n)
{
    uint64_t h = (uint64_t)n * UINT64_C(0x9e3779b97f4a7c15);
    for (int64_t k = 0; k < n; k += 8) {
        uint64_t part = 0;
        memcpy(&part, text + k, n - k < 8 ? (size_t)(n - k) : 8);
        h ^= part;
        h ^= h >> 33;
        h *= UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 33;
        h *= UINT64_C(0xc4ceb9fe1a85ec53);
        h ^= h >> 33;
    }
    return h;
}

/* Returns the slot of a text, or the empty one where it would be. */
static int64_t find(const tl_texts *t, const char *text, int64_t n)
{
    int64_t at = (int64_t)(hash(text, n) & (uint64_t)(t->n_slots - 1));
    for (;; at = (at + 1) & (t->n_slots - 1)) {
        const int32_t id = t->slot[at];
        if (id < 0 || (t->size[id] == n && memcmp(t->text[id], text, (size_t)n) == 0))
            return at;
    }
}

static bool enlarge_table(tl_texts *t)
{
    const int64_t n = t->n_slots > 0 ? 2 * t->n_slots : FIRST_SLOTS;
    int32_t *slot = tl_alloc(n, sizeof *slot);
    if (!slot)
        return false;
    memset(slot, -1, (size_t)n * sizeof *slot);
    tl_free(t->slot);
    t->slot = slot;
    t->n_slots = n;
    for (int32_t id = 0; id < t->n; id++)
        slot[find(t, t->text[id], t->size[id])] = id;
    return true;
}

/* Makes space for one more text in the lists. */
static bool enlarge_lists(tl_texts *t)
{
    const int64_t capacity = t->capacity > 0 ? 2 * t->capacity : FIRST_SLOTS / 2;
    char **text = tl_resized(t->text, t->n, capacity, sizeof *text);
    if (!text)
        return false;
    t->text = text;
    int64_t *size = tl_resized(t->size, t->n, capacity, sizeof *size);
    if (!size)
        return false;
    t->size = size;
    t->capacity = capacity;
    return true;
}

/* Returns a copy of the text in a block, NULL if memory is short. */
static char *keep(tl_texts *t, const char *text, int64_t n)
{
    struct tl_texts_block *b = t->block;
    if (!b || b->capacity - b->used < n + 1) {
        const int64_t usual = t->n < BLOCK / PER_TEXT ? (t->n + 1) * (int64_t)PER_TEXT : BLOCK;
        const int64_t capacity = n + 1 > usual / 4 ? n + 1 : usual;
        b = tl_alloc((int64_t)sizeof *b + capacity, 1);
        if (!b)
            return NULL;
        *b = (struct tl_texts_block){ t->block, 0, capacity };
        t->block = b;
    }
    char *copy = b->bytes + b->used;
    memcpy(copy, text, (size_t)n);
    copy[n] = '\0';
    b->used += n + 1;
    return copy;
}

int32_t tl_texts_id(tl_texts *t, const char *text, int64_t n)
{
    if (2 * (int64_t)t->n >= t->n_slots && !enlarge_table(t))
        return -1;
    const int64_t at = find(t, text, n);
    if (t->slot[at] >= 0)
        return t->slot[at];
    if (t->n == INT32_MAX || (t->n == t->capacity && !enlarge_lists(t)))
        return -1;
    char *copy = keep(t, text, n);
    if (!copy)
        return -1;
    t->text[t->n] = copy;
    t->size[t->n] = n;
    return t->slot[at] = t->n++;
}

void tl_texts_free(tl_texts *t)
{
    while (t->block) {
        struct tl_texts_block *next = t->block->next;
        tl_free(t->block);
        t->block = next;
    }
    tl_free(t->text);
    tl_free(t->size);
    tl_free(t->slot);
    *t = (tl_texts){ 0 };
}
