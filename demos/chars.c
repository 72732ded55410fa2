/* Texts in UTF-8. */
#include "chars.h"
#include "demo.h"
#include "grammar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CODES = 0x110000, MOST_CODES = 20000, MADE = 200000, MOST_HELD_OUT = 100000 };

/* ---- UTF-8 ---- */

/* Reads a character of at most `left` bytes. Returns its number of bytes, 0 if they are not UTF-8
 * (RFC 3629). */
static int decode(const unsigned char *at, int64_t left, int32_t *code)
{
    static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const int length = at[0] < 0x80             ? 1
                       : (at[0] & 0xe0) == 0xc0 ? 2
                       : (at[0] & 0xf0) == 0xe0 ? 3
                       : (at[0] & 0xf8) == 0xf0 ? 4
                                                : 0;
    if (length == 0 || length > left)
        return 0;
    *code = length == 1 ? at[0] : at[0] & (0x7f >> length);
    for (int k = 1; k < length; k++) {
        if ((at[k] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (at[k] & 0x3f);
    }
    const bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code >= least[length] && *code < CODES && !surrogate ? length : 0;
}

static void print_code(int32_t code)
{
    if (code < 0x80)
        printf("%c", code);
    else if (code < 0x800)
        printf("%c%c", 0xc0 | code >> 6, 0x80 | (code & 0x3f));
    else if (code < 0x10000)
        printf("%c%c%c", 0xe0 | code >> 12, 0x80 | (code >> 6 & 0x3f), 0x80 | (code & 0x3f));
    else
        printf("%c%c%c%c", 0xf0 | code >> 18, 0x80 | (code >> 12 & 0x3f), 0x80 | (code >> 6 & 0x3f),
               0x80 | (code & 0x3f));
}

/* Writes the code points of n bytes to code[n]. Returns their number, or -1 with the reason in tl_error(). */
static int64_t decode_all(const char *what, const char *text, int64_t n, int32_t *code)
{
    int64_t found = 0, at = 0;
    while (at < n) {
        const int length = decode((const unsigned char *)text + at, n - at, &code[found++]);
        if (length == 0) {
            tl_fail(TL_ERR_FORMAT, "%s: byte %" PRId64 " is not UTF-8", what, at + 1);
            return -1;
        }
        at += length;
    }
    return found;
}

/* ---- The vocabulary ---- */

/* Makes the vocabulary of the code points in c->text, and their places of them. */
static bool number_codes(chars *c, const char *what)
{
    int32_t *place = allocate(CODES, sizeof *place);
    bool ok = place && (c->code = allocate(MOST_CODES, sizeof *c->code));
    for (int64_t k = 0; ok && k < c->n; k++)
        place[c->text[k]] = 1;
    for (int32_t code = 0; ok && code < CODES; code++) {
        if (place[code] == 0)
            continue;
        if (c->n_codes == MOST_CODES) {
            ok = tl_fail(TL_ERR_FORMAT, "%s: more than %d different characters", what, MOST_CODES) == TL_OK;
            break;
        }
        place[code] = c->n_codes;
        c->code[c->n_codes++] = code;
    }
    for (int64_t k = 0; ok && k < c->n; k++)
        c->text[k] = place[c->text[k]];
    free(place);
    return ok;
}

static int ascending(const void *left, const void *right)
{
    const int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

int64_t chars_find(const chars *c, const char *what, const char *text, int32_t *place)
{
    const int64_t n = decode_all(what, text, (int64_t)strlen(text), place);
    for (int64_t k = 0; k < n; k++) {
        const int32_t *at = bsearch(&place[k], c->code, (size_t)c->n_codes, sizeof *at, ascending);
        if (!at) {
            tl_fail(TL_ERR_ARGUMENT, "%s: character %" PRId64 " is not in the text", what, k + 1);
            return -1;
        }
        place[k] = (int32_t)(at - c->code);
    }
    return n;
}

/* ---- Texts ---- */

/* Returns the bytes of a file, or NULL with the reason in tl_error(). */
static char *read_bytes(const char *path, int64_t *n)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    int64_t space = 0;
    size_t got = 1;
    bool ok = file != NULL;
    errno = file ? 0 : errno;
    for (*n = 0; ok && got > 0; *n += (int64_t)got) {
        if (*n == space) {
            space = space > 0 ? 2 * space : 65536;
            char *more = larger(bytes, space, 1);
            ok = more != NULL;
            bytes = ok ? more : bytes;
        }
        got = ok ? fread(bytes + *n, 1, (size_t)(space - *n), file) : 0;
    }
    if (!file || ferror(file))
        ok = tl_fail(TL_ERR_IO, "%s: %s", path, strerror(errno)) == TL_OK;
    if (file)
        fclose(file);
    if (ok)
        return bytes;
    free(bytes);
    return NULL;
}

/* Returns a text of MADE characters, and sets the bits that the grammar has for each of the last tenth. */
static char *make_bytes(chars *c, uint64_t seed, int64_t *n)
{
    char *bytes = allocate(MADE, 1);
    double *bits = allocate(MADE, sizeof *bits);
    *n = MADE;
    if (bytes && bits) {
        grammar_write(bytes, bits, MADE, seed);
        c->bits = 0;
        for (int64_t k = MADE - MADE / 10; k < MADE; k++)
            c->bits += bits[k] / (MADE / 10);
    }
    free(bits);
    return bytes && bits ? bytes : NULL;
}

bool chars_get(chars *c, const char *path, uint64_t seed)
{
    int64_t n;
    *c = (chars){ .bits = NAN };
    char *bytes = path ? read_bytes(path, &n) : make_bytes(c, seed, &n);
    if (bytes && (c->text = allocate(n, sizeof *c->text)))
        c->n = decode_all(path, bytes, n, c->text);
    const bool ok = c->text && c->n >= 0 && number_codes(c, path);
    c->n_train = c->n - (c->n / 10 < MOST_HELD_OUT ? c->n / 10 : MOST_HELD_OUT);
    free(bytes);
    return ok;
}

void chars_print(const chars *c, const int32_t *place, int64_t n)
{
    enum { INDENT = 2, COLUMNS = 80, NEARLY = 72 };
    int column = INDENT;
    printf("%*s", INDENT, "");
    for (int64_t k = 0; k < n; k++) {
        const int32_t code = c->code[place[k]];
        const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
        if (code == '\n' || column == COLUMNS || (code == ' ' && column >= NEARLY)) {
            printf("\n%*s", INDENT, "");
            column = INDENT;
            if (code == '\n' || code == ' ')
                continue;
        }
        print_code(control ? '?' : code);
        column++;
    }
    printf("\n");
}

void chars_free(chars *c)
{
    free(c->text);
    free(c->code);
}
