/* Reading a text into a vocabulary: a hash table while it is read, sorted by count afterwards. */
#include "words.h"
#include "demo.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All words so far, in the order of their first places. */
typedef struct reader {
    int32_t n, capacity; /* words */
    char **word;
    int64_t *count;
    int64_t slots; /* of the hash table, a power of 2 */
    int32_t *slot; /* place of a word + 1; 0: empty */
    int64_t n_text, text_capacity;
    int32_t *text;
} reader;

static uint64_t hash(const char *word)
{
    uint64_t h = 0xcbf29ce484222325;
    for (; *word; word++)
        h = (h ^ (unsigned char)*word) * 0x100000001b3;
    return h ^ h >> 29;
}

/* Returns the slot of the word: its own, or the empty one where it belongs. */
static int32_t *find_slot(const reader *r, const char *word)
{
    int64_t at = (int64_t)(hash(word) & (uint64_t)(r->slots - 1));
    while (r->slot[at] > 0 && strcmp(r->word[r->slot[at] - 1], word) != 0)
        at = (at + 1) & (r->slots - 1);
    return &r->slot[at];
}

static bool grow_words(reader *r)
{
    if (r->n == INT32_MAX / 4)
        return tl_fail(TL_ERR_FORMAT, "more than %d different words", (int)r->n) == TL_OK;
    r->capacity = r->capacity > 0 ? 2 * r->capacity : 1024;
    free(r->slot);
    r->slots = 2 * (int64_t)r->capacity;
    r->slot = allocate(r->slots, sizeof *r->slot);
    char **word = larger(r->word, r->capacity, sizeof *word);
    r->word = word ? word : r->word;
    int64_t *count = larger(r->count, r->capacity, sizeof *count);
    r->count = count ? count : r->count;
    if (!r->slot || !word || !count)
        return false;
    for (int32_t k = 0; k < r->n; k++)
        *find_slot(r, r->word[k]) = k + 1;
    return true;
}

static bool add_word(reader *r, const char *word)
{
    if (r->n == r->capacity && !grow_words(r))
        return false;
    int32_t *slot = find_slot(r, word);
    if (*slot == 0) {
        if (!(r->word[r->n] = strdup(word)))
            return tl_fail(TL_ERR_MEMORY, "out of memory") == TL_OK;
        r->count[r->n++] = 0;
        *slot = r->n;
    }
    if (r->n_text == r->text_capacity) {
        r->text_capacity = r->text_capacity > 0 ? 2 * r->text_capacity : 65536;
        int32_t *text = larger(r->text, r->text_capacity, sizeof *text);
        if (!text)
            return false;
        r->text = text;
    }
    r->count[*slot - 1]++;
    r->text[r->n_text++] = *slot - 1;
    return true;
}

int bytes_of_characters(const char *text, int n)
{
    int at = 0;
    for (; text[at]; at++) {
        n -= ((unsigned char)text[at] & 0xc0) != 0x80; /* the first byte of a character */
        if (n < 0)
            break;
    }
    return at;
}

/* Adds the word of so many bytes in word[], without what is too long. */
static bool end_word(reader *r, char word[WORD_SIZE], int length)
{
    word[length] = '\0';
    word[bytes_of_characters(word, LONGEST_WORD)] = '\0';
    return length == 0 || add_word(r, word);
}

static bool read_text(reader *r, const char *path)
{
    FILE *file = fopen(path, "r");
    char word[WORD_SIZE];
    int length = 0, c;
    bool ok = file != NULL;
    errno = file ? 0 : errno;
    while (ok && (c = getc(file)) != EOF)
        if (isalnum(c) || c >= 0x80) {
            if (length < WORD_SIZE - 1)
                word[length++] = (char)tolower(c);
        } else {
            ok = end_word(r, word, length);
            length = 0;
        }
    ok = ok && end_word(r, word, length);
    if (!file || ferror(file))
        ok = tl_fail(TL_ERR_IO, "%s: %s", path, strerror(errno)) == TL_OK;
    if (file)
        fclose(file);
    return ok;
}

/* ---- Made by the program ---- */

enum { TOPICS = 20, PER_TOPIC = 25, COMMON = 30, SENTENCES = 12000, LENGTH = 12 };

/* Sentences of words of one topic, the first ones more often, and of common words. */
static bool make_text(reader *r)
{
    tl_random rng = { .seed = 1 };
    int64_t topic = 0;
    char word[WORD_SIZE];
    for (int64_t k = 0; k < SENTENCES * LENGTH; k++) {
        topic = k % LENGTH == 0 ? tl_random_integer(&rng, TOPICS) : topic;
        const double u = tl_random_uniform(&rng);
        if (tl_random_uniform(&rng) < 0.4)
            snprintf(word, sizeof word, "common%02d", (int)(COMMON * u * u));
        else
            snprintf(word, sizeof word, "topic%02dword%02d", (int)topic, (int)(PER_TOPIC * u * u));
        if (!add_word(r, word))
            return false;
    }
    return true;
}

static bool set_topics(words *w)
{
    w->topics = TOPICS;
    w->topic = allocate(w->n_words, sizeof *w->topic);
    for (int32_t k = 0; w->topic && k < w->n_words; k++)
        w->topic[k] = strncmp(w->word[k], "topic", 5) == 0 ? (int32_t)strtol(w->word[k] + 5, NULL, 10) : -1;
    return w->topic != NULL;
}

/* ---- The vocabulary ---- */

typedef struct counted {
    int64_t count;
    int32_t at;
} counted;

static int most_frequent_first(const void *left, const void *right)
{
    const counted *a = left, *b = right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

/* Moves the words and the text to *w, by count. */
static bool sort_words(words *w, reader *r, int64_t least)
{
    counted *sorted = allocate(r->n, sizeof *sorted);
    int32_t *place = allocate(r->n, sizeof *place);
    w->word = allocate(r->n, sizeof *w->word);
    w->count = allocate(r->n, sizeof *w->count);
    const bool ok = sorted && place && w->word && w->count;
    for (int32_t k = 0; ok && k < r->n; k++)
        sorted[k] = (counted){ r->count[k], k };
    if (ok)
        qsort(sorted, (size_t)r->n, sizeof *sorted, most_frequent_first);
    for (int32_t k = 0; ok && k < r->n; k++) {
        place[sorted[k].at] = sorted[k].count >= least ? w->n_words : -1;
        if (sorted[k].count < least)
            continue;
        w->count[w->n_words] = sorted[k].count;
        w->word[w->n_words++] = r->word[sorted[k].at];
        r->word[sorted[k].at] = NULL;
    }
    for (int64_t k = 0; ok && k < r->n_text; k++)
        if (place[r->text[k]] >= 0)
            r->text[w->n++] = place[r->text[k]];
    w->text = r->text;
    r->text = NULL;
    free(sorted);
    free(place);
    return ok;
}

static void reader_free(reader *r)
{
    for (int32_t k = 0; k < r->n; k++)
        free(r->word[k]);
    free(r->word);
    free(r->count);
    free(r->slot);
    free(r->text);
}

bool words_get(words *w, const char *path, int64_t least)
{
    reader r = { .n = 0 };
    *w = (words){ .n = 0 };
    bool ok = (path ? read_text(&r, path) : make_text(&r)) && sort_words(w, &r, least) &&
              (path || set_topics(w));
    reader_free(&r);
    if (ok && w->n_words < 2)
        ok = tl_fail(TL_ERR_FORMAT, "%s: %" PRId32 " words occur %" PRId64 " times or more, which is too few",
                     path, w->n_words, least) == TL_OK;
    return ok;
}

int32_t words_find(const words *w, const char *word)
{
    for (int32_t k = 0; k < w->n_words; k++)
        if (strcmp(w->word[k], word) == 0)
            return k;
    return -1;
}

void words_free(words *w)
{
    for (int32_t k = 0; k < w->n_words; k++)
        free(w->word[k]);
    free(w->word);
    free(w->count);
    free(w->text);
    free(w->topic);
}
